// Ballots rank four candidates; the weakest (of equals the last) is eliminated until one has a majority.
pub fn main(ballots: [[u8; 4]; 5], weights: [u8; 5]) -> (u8, u8) {
    let mut out = [false; 4];
    let mut winner = 255u8;
    let mut rounds = 0u8;
    let mut total = 0u16;
    for w in weights { total += w as u16; }
    for round in 0..4u8 {
        let mut tally = [0u16; 4];
        for b in 0..5usize {
            let mut counted = false;
            for choice in ballots[b] {
                if !counted && !out[choice as usize] {
                    tally[choice as usize] += weights[b] as u16;
                    counted = true;
                }
            }
        }
        let mut weakest = 65535u16;
        let mut loser = 0usize;
        for c in 0..4usize {
            if tally[c] * 2 > total && winner == 255 { winner = c as u8; rounds = round + 1; }
            if !out[c] && tally[c] <= weakest { weakest = tally[c]; loser = c; }
        }
        out[loser] = true;
    }
    (winner, rounds)
}
