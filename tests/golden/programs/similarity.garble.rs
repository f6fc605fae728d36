// Size of intersection and union of two sets, and their similarity in per mille.
const N: usize = A::N;
const M: usize = B::N;
const BOTH: u32 = A::COUNT + B::COUNT;

pub fn main(a: [u16; N], b: [u16; M]) -> (u32, u32, u32) {
    let mut common = 0u32;
    for (hit, _) in join(a, b) { common += hit as u32; }
    let union = BOTH - common;
    (common, union, common * 1000 / union)
}
