// First position of a pattern in a text, `?` matches any letter; an enum for the answer.
enum Found { No, At(usize) }

pub fn main(text: [u8; 10], pattern: [u8; 3]) -> (Found, u8) {
    let mut first = Found::No;
    let mut count = 0u8;
    for start in 0..8usize {
        let mut same = true;
        for k in 0..3usize { same = same && (pattern[k] == 63 || text[start + k] == pattern[k]); }
        if same {
            count += 1;
            match first { Found::No => first = Found::At(start), Found::At(_) => {} }
        }
    }
    (first, count)
}
