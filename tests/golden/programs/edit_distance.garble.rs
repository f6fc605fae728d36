// Levenshtein distance of two words of at most five letters, zero is the end.
fn min(a: u8, b: u8) -> u8 { if a < b { a } else { b } }

fn length(word: [u8; 5]) -> usize {
    let mut n = 0usize;
    let mut ended = false;
    for c in word { if c == 0 { ended = true; } if !ended { n += 1; } }
    n
}

pub fn main(a: [u8; 5], b: [u8; 5]) -> u8 {
    let mut d = [[0u8; 6]; 6];
    for i in 1..6usize { d[i][0] = i as u8; d[0][i] = i as u8; }
    for i in 0..5usize {
        for j in 0..5usize {
            let replace = d[i][j] + if a[i] == b[j] { 0 } else { 1 };
            d[i + 1][j + 1] = min(replace, min(d[i][j + 1], d[i + 1][j]) + 1);
        }
    }
    d[length(a)][length(b)]
}
