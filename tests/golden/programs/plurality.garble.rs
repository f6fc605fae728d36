// Each party votes or abstains; the older candidate wins a tie, no vote at all is reported.
enum Vote { Abstain, For(u8), Spoiled(bool, bool) }
enum Result { Nobody, Elected(u8, u8) }

pub fn main(votes: [Vote; 7]) -> (Result, u8) {
    let ages = [44u8, 61, 52];
    let mut counts = [0u8; 3];
    let mut invalid = 0u8;
    for vote in votes {
        match vote {
            Vote::For(c) => { if c < 3 { counts[c as usize] += 1; } else { invalid += 1; } }
            Vote::Spoiled(a, b) => if a != b { invalid += 1; },
            Vote::Abstain => {}
        }
    }
    let mut result = Result::Nobody;
    let mut best = 0u8;
    let mut age = 0u8;
    for c in 0..3u8 {
        let n = counts[c as usize];
        let older = ages[c as usize] > age;
        if n > 0 && (n > best || n == best && older) {
            result = Result::Elected(c, n);
            best = n;
            age = ages[c as usize];
        }
    }
    (result, invalid)
}
