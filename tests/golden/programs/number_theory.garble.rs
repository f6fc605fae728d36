// Greatest common divisor, power modulo a number, and integer square root.
fn gcd(a: u16, b: u16) -> u16 {
    let mut x = a;
    let mut y = b;
    for step in 0..24u8 { if y != 0 { let r = x % y; x = y; y = r; } }
    x
}

fn power(base: u16, exponent: u8, modulus: u16) -> u16 {
    let m = modulus as u32;
    let mut result = 1u32 % m;
    let mut b = base as u32 % m;
    for i in 0..8u8 {
        if exponent >> i & 1 == 1 { result = result * b % m; }
        b = b * b % m;
    }
    result as u16
}

fn root(x: u32) -> u32 {
    let mut r = 0u32;
    for i in 0..16u8 {
        let next = r | 32768 >> i;
        if next * next <= x { r = next; }
    }
    r
}

pub fn main(a: u16, b: u16, e: u8) -> (u16, u16, u32) { (gcd(a, b), power(a, e, b), root(a as u32 * b as u32)) }
