// Moves of two players, alternating; the state of the game after them.
enum Game { Open, Won(bool), Draw, Invalid(usize) }

pub fn main(first: [u8; 5], second: [u8; 4]) -> Game {
    let lines = [[0usize, 1, 2], [3, 4, 5], [6, 7, 8], [0, 3, 6], [1, 4, 7], [2, 5, 8], [0, 4, 8], [2, 4, 6]];
    let mut board = [0u8; 9];
    let mut game = Game::Open;
    for turn in 0..9usize {
        match game {
            Game::Open => {
                let player = turn % 2 == 1;
                let cell = if turn % 2 == 1 { second[turn / 2] } else { first[turn / 2] } as usize;
                if cell >= 9 || board[cell] != 0 {
                    game = Game::Invalid(turn);
                } else {
                    let mark = 1 + player as u8;
                    board[cell] = mark;
                    for line in lines {
                        let mut own = 0u8;
                        for c in line { if board[c] == mark { own += 1; } }
                        if own == 3 { game = Game::Won(player); }
                    }
                }
            }
            _ => {}
        }
    }
    match game { Game::Open => Game::Draw, g => g }
}
