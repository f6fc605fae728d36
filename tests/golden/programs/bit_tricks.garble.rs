// Population count, reversal, leading zeros, parity, Gray code and next power of two.
fn reverse(x: u32) -> u32 {
    let mut v = x;
    v = (v >> 1 & 1431655765) | (v & 1431655765) << 1;
    v = (v >> 2 & 858993459) | (v & 858993459) << 2;
    v = (v >> 4 & 252645135) | (v & 252645135) << 4;
    v = (v >> 8 & 16711935) | (v & 16711935) << 8;
    v >> 16 | v << 16
}

pub fn main(x: u32, k: u8) -> (u8, u32, u8, bool, u32, u32, u32) {
    let mut count = 0u8;
    let mut parity = false;
    let mut zeros = 0u8;
    let mut seen = false;
    for i in 0..32u8 {
        let bit = x >> i & 1 == 1;
        count += bit as u8;
        parity ^= bit;
        let top = x >> 31 - i & 1 == 1;
        seen |= top;
        if !seen { zeros += 1; }
    }
    let mut power = x;
    for shift in [1u8, 2, 4, 8, 16] { power |= power >> shift; }
    let rotated = if k % 32 == 0 { x } else { x << k % 32 | x >> 32 - k % 32 };
    (count, reverse(x), zeros, parity, x ^ x >> 1, rotated, power ^ power >> 1)
}
