// Is a 4 by 4 grid complete, and does it contain the public clues (0 is no clue)?
fn all(set: u8) -> bool { set == 30 }

pub fn main(grid: [[u8; 4]; 4], clues: [[u8; 4]; 4]) -> (bool, u8) {
    let mut valid = true;
    let mut kept = 0u8;
    for i in 0..4usize {
        let mut row = 0u8;
        let mut column = 0u8;
        let mut box = 0u8;
        for j in 0..4usize {
            row |= 1u8 << grid[i][j];
            column |= 1u8 << grid[j][i];
            box |= 1u8 << grid[i / 2 * 2 + j / 2][i % 2 * 2 + j % 2];
            let clue = clues[i][j];
            if clue != 0 && clue == grid[i][j] { kept += 1; }
            if clue != 0 && clue != grid[i][j] { valid = false; }
        }
        valid = valid && all(row) && all(column) && all(box);
    }
    (valid, kept)
}
