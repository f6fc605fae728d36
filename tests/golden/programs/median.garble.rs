// Odd-even transposition sort, then the middle, the quartiles and the range.
pub fn main(values: [u16; 9], shift: u16) -> (u16, (u16, u16), u16, [u16; 9]) {
    let mut a = values;
    for round in 0..9usize {
        for pair in 0..4usize {
            let i = pair * 2 + round % 2;
            if i < 8 {
                if a[i] > a[i + 1] { let t = a[i]; a[i] = a[i + 1]; a[i + 1] = t; }
            }
        }
    }
    (a[4] + shift, (a[2], a[6]), a[8] - a[0], a)
}
