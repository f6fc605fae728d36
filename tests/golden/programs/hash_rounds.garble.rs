// FNV-1a over bytes and a ChaCha quarter round; sums wrap by way of a wider type.
fn sum(a: u32, b: u32) -> u32 { (a as u64 + b as u64) as u32 }
fn rotate(x: u32, k: u8) -> u32 { x << k | x >> 32 - k }

fn quarter(s: [u32; 4]) -> [u32; 4] {
    let mut v = s;
    for (to, from, mixed, k) in [(0usize, 1usize, 3usize, 16u8), (2, 3, 1, 12), (0, 1, 3, 8), (2, 3, 1, 7)] {
        v[to] = sum(v[to], v[from]);
        v[mixed] = rotate(v[mixed] ^ v[to], k);
    }
    v
}

pub fn main(text: [u8; 5], state: [u32; 4]) -> (u32, [u32; 4]) {
    let mut hash = 2166136261u32;
    for byte in text { hash = ((hash ^ byte as u32) as u64 * 16777619) as u32; }
    (hash, quarter(quarter(state)))
}
