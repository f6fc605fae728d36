// Counts by bucket at a secret index; values outside all buckets panic unless they are clamped.
const BUCKETS: usize = P::BUCKETS;

pub fn main(values: [u8; 12], width: u8, clamp: bool) -> ([u8; BUCKETS], usize) {
    let mut counts = [0u8; BUCKETS];
    for v in values {
        let mut bucket = (v / width) as usize;
        if clamp && bucket >= BUCKETS { bucket = BUCKETS - 1; }
        counts[bucket] += 1;
    }
    let mut mode = 0usize;
    let mut i = 0usize;
    for c in counts { if c > counts[mode] { mode = i; } i += 1; }
    (counts, mode)
}
