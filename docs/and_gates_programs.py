"""Programs as users write them, for docs/and_gates.py.

The reference count is computed by the formulas of the specification, section 20, where that is easy to follow: n-bit
addition 3n - 2, comparison 6n - 7, equality n - 1, choice n. It is what these parts take at least.
"""

from __future__ import annotations

Programs = dict[str, tuple[int | None, str]]

AUCTIONS: Programs = {
    "highest bid and bidder, 16 u32": (
        3318,
        "pub fn main(a: [u32; 16], z: u8) -> (u32, usize) { let mut m = 0u32; let mut k = 0usize; "
        "for i in 0usize..16 { if a[i] > m { m = a[i]; k = i; } } (m, k) }",
    ),
    "second price, 16 u32": (
        None,
        "pub fn main(a: [u32; 16]) -> (u32, usize) { let mut m = 0u32; let mut s = 0u32; let mut k = 0usize; "
        "for i in 0usize..16 { if a[i] > m { s = m; m = a[i]; k = i; } else if a[i] > s { s = a[i]; } } (s, k) }",
    ),
    "reserve price and fee": (
        None,
        "pub fn main(bid: u32, reserve: u32) -> u32 { if bid >= reserve { bid + bid / 20 } else { 0 } }",
    ),
    "double auction, 8 by 8 u16": (
        None,
        "pub fn main(buy: [u16; 8], sell: [u16; 8]) -> u8 { let mut n = 0u8; "
        "for i in 0usize..8 { if buy[i] >= sell[i] { n += 1; } } n }",
    ),
    "ascending clearing price, 8 levels": (
        None,
        "pub fn main(demand: [u16; 8], supply: [u16; 8]) -> u8 { let mut p = 8u8; let mut d = 0u32; let mut s = 0u32; "
        "for i in 0u8..8 { d += demand[i as usize] as u32; s += supply[i as usize] as u32; "
        "if s >= d && p == 8 { p = i; } } p }",
    ),
}
STATISTICS: Programs = {
    "mean of 64 u8": (
        None,
        "pub fn main(a: [u8; 64], z: u8) -> u32 { let mut s = 0u32; for x in a { s += x as u32; } s / 64 }",
    ),
    "mean of 64 i16 as i32": (
        63 * 94,
        "pub fn main(a: [i16; 64], z: u8) -> i32 { let mut s = 0i32; for x in a { s += x as i32; } s / 64 }",
    ),
    "variance of 8 u16": (
        None,
        "pub fn main(a: [u16; 8], z: u8) -> u64 { let mut s = 0u64; let mut q = 0u64; "
        "for x in a { s += x as u64; q += (x as u64) * (x as u64); } q * 8 - s * s }",
    ),
    "median of 9 u8 by sorting": (
        36 * (41 + 8),
        "pub fn main(a: [u8; 9], z: u8) -> u8 { let mut s = a; for i in 0usize..9 { for j in 0usize..8 "
        "{ if j < 8 - i { if s[j] > s[j + 1] { let t = s[j]; s[j] = s[j + 1]; s[j + 1] = t; } } } } s[4] }",
    ),
    "histogram of 32 votes, 8 counters": (
        None,
        "pub fn main(a: [u8; 32], z: u8) -> [u32; 8] { let mut t = [0u32; 8]; "
        "for v in a { t[(v & 7) as usize] += 1; } t }",
    ),
    "share above a threshold, 32 u16": (
        32 * 89,
        "pub fn main(a: [u16; 32], limit: u16) -> u32 { let mut n = 0u32; "
        "for x in a { if x > limit { n += 1; } } n * 100 / 32 }",
    ),
    "weighted sum, public weights": (
        None,
        "pub fn main(a: [u16; 8], z: u8) -> u32 { let w = [3u32, 5, 7, 11, 13, 17, 19, 23]; let mut s = 0u32; "
        "for i in 0usize..8 { s += (a[i] as u32) * w[i]; } s }",
    ),
    "correlation sums of 8 i8": (
        None,
        "pub fn main(a: [i8; 8], b: [i8; 8]) -> (i32, i32, i32) { let mut x = 0i32; let mut y = 0i32; "
        "let mut p = 0i32; for i in 0usize..8 { x += a[i] as i32; y += b[i] as i32; "
        "p += (a[i] as i32) * (b[i] as i32); } (x, y, p) }",
    ),
    "running totals of 16 u8": (
        None,
        "pub fn main(a: [u8; 16], z: u8) -> [u16; 16] { let mut r = [0u16; 16]; let mut s = 0u16; "
        "for i in 0usize..16 { s += a[i] as u16; r[i] = s; } r }",
    ),
    "smallest and largest of 16 i32": (
        2 * 15 * (185 + 32),
        "pub fn main(a: [i32; 16], z: u8) -> (i32, i32) { let mut l = a[0]; let mut h = a[0]; "
        "for x in a { if x < l { l = x; } if x > h { h = x; } } (l, h) }",
    ),
}
MATCHING: Programs = {
    "equal records": (
        47,
        "struct P { born: u16, name: [u8; 4] } pub fn main(a: P, b: P) -> bool { a == b }",
    ),
    "similar records, 6 of 8 fields": (
        None,
        "pub fn main(a: [u8; 8], b: [u8; 8]) -> bool { let mut n = 0u8; "
        "for i in 0usize..8 { if a[i] == b[i] { n += 1; } } n >= 6 }",
    ),
    "needle of 3 in 16 characters": (
        14 * 3 * 7 + 14 * 2 + 13,
        "pub fn main(t: [u8; 16], p: [u8; 3]) -> bool { let mut f = false; for i in 0usize..14 { let mut m = true; "
        "for j in 0usize..3 { if t[i + j] != p[j] { m = false; } } if m { f = true; } } f }",
    ),
    "edit distance of two words of 4": (
        None,
        "pub fn main(a: [u8; 4], b: [u8; 4]) -> u8 { let mut d = [[0u8; 5]; 5]; "
        "for i in 0u8..5 { d[i as usize][0] = i; d[0][i as usize] = i; } "
        "for i in 1usize..5 { for j in 1usize..5 { let c = if a[i - 1] == b[j - 1] { 0u8 } else { 1u8 }; "
        "let mut m = d[i - 1][j - 1] + c; if d[i - 1][j] + 1 < m { m = d[i - 1][j] + 1; } "
        "if d[i][j - 1] + 1 < m { m = d[i][j - 1] + 1; } d[i][j] = m; } } d[4][4] }",
    ),
    "position in a list of 16": (
        None,
        "pub fn main(x: [u8; 16], z: u8) -> u8 { let mut p = 255u8; "
        "for i in 0u8..16 { if x[i as usize] == z { p = i; } } p }",
    ),
    "nearest of 8 points": (
        None,
        "pub fn main(p: [(i16, i16); 8], x: i16, y: i16) -> usize { let mut best = 2000000000i32; let mut k = 0usize; "
        "for i in 0usize..8 { let dx = (p[i].0 as i32) - (x as i32); let dy = (p[i].1 as i32) - (y as i32); "
        "let d = (if dx < 0 { -dx } else { dx }) + (if dy < 0 { -dy } else { dy }); "
        "if d < best { best = d; k = i; } } k }",
    ),
}
INFERENCE: Programs = {
    "matrix times vector, 8 by 8 i8": (
        None,
        "pub fn main(m: [[i8; 8]; 8], v: [i8; 8]) -> [i32; 8] { let mut r = [0i32; 8]; "
        "for i in 0usize..8 { for j in 0usize..8 { r[i] += (m[i][j] as i32) * (v[j] as i32); } } r }",
    ),
    "rectifier on 8 i32": (
        None,
        "pub fn main(v: [i32; 8], z: u8) -> [i32; 8] { let mut r = v; "
        "for i in 0usize..8 { if r[i] < 0 { r[i] = 0; } } r }",
    ),
    "fixed-point product": (
        None,
        "pub fn main(x: i32, y: i32) -> i32 { (((x as i64) * (y as i64)) >> 16) as i32 }",
    ),
    "decision tree of depth 2": (
        None,
        "pub fn main(a: u16, b: u16, c: u16) -> u8 "
        "{ if a < 1000 { if b < 70 { 1 } else { 2 } } else { if c < 365 { 3 } else { 4 } } }",
    ),
    "linear model, public weights": (
        None,
        "pub fn main(v: [i16; 4], z: u8) -> bool { let mut s = -5000i32; s += (v[0] as i32) * 37; "
        "s -= (v[1] as i32) * 12; s += (v[2] as i32) * 255; s -= (v[3] as i32) * 3; s > 0 }",
    ),
    "polynomial of degree 3": (
        None,
        "pub fn main(x: u16) -> u64 { let v = x as u64; v * v * v + 3 * v * v + 7 * v + 1 }",
    ),
}
VOTING: Programs = {
    "votes for 4 candidates, 16 voters": (
        16 * 4 * 7,
        "pub fn main(a: [u8; 16], z: u8) -> [u8; 4] { let mut t = [0u8; 4]; "
        "for v in a { for c in 0u8..4 { if v == c { t[c as usize] += 1; } } } t }",
    ),
    "majority of 63 ballots": (
        None,
        "pub fn main(a: [bool; 63], z: u8) -> bool { let mut n = 0u8; for x in a { if x { n += 1; } } n > 31 }",
    ),
    "approval with enum ballots": (
        None,
        "enum B { Yes, No, Abstain } pub fn main(a: [B; 16], z: u8) -> (u8, u8) { let mut y = 0u8; let mut n = 0u8; "
        "for b in a { match b { B::Yes => y += 1, B::No => n += 1, B::Abstain => {} } } (y, n) }",
    ),
    "Borda count, 8 ballots of 3": (
        None,
        "pub fn main(a: [[u8; 3]; 8], z: u8) -> [u16; 4] { let mut t = [0u16; 4]; "
        "for b in a { for k in 0usize..3 { t[(b[k] & 3) as usize] += 2 - (k as u16); } } t }",
    ),
}
DATES_AND_BITS: Programs = {
    "leap year": (
        None,
        "pub fn main(y: u16) -> bool { y % 4 == 0 && (y % 100 != 0 || y % 400 == 0) }",
    ),
    "days of a month": (
        None,
        "pub fn main(m: u8) -> u8 { match m { 2 => 28, 4 => 30, 6 => 30, 9 => 30, 11 => 30, _ => 31 } }",
    ),
    "seconds to hours, minutes, seconds": (
        None,
        "pub fn main(s: u32) -> (u32, u32, u32) { (s / 3600, s / 60 % 60, s % 60) }",
    ),
    "age from two dates": (
        None,
        "pub fn main(b: (u16, u8, u8), t: (u16, u8, u8)) -> u16 "
        "{ let y = t.0 - b.0; if t.1 < b.1 || t.1 == b.1 && t.2 < b.2 { y - 1 } else { y } }",
    ),
    "decimal digits of u16": (
        None,
        "pub fn main(x: u16) -> [u8; 5] { let mut v = x; let mut d = [0u8; 5]; "
        "for i in 0usize..5 { d[i] = (v % 10) as u8; v = v / 10; } d }",
    ),
    "greatest common divisor, 4 steps of u16": (
        None,
        "pub fn main(x: u16, y: u16) -> u16 { let mut a = x; let mut b = y; "
        "for _ in 0u8..4 { if b != 0 { let t = a % b; a = b; b = t; } } a }",
    ),
    "integer square root of u32": (
        None,
        "pub fn main(x: u32) -> u32 { let mut r = 0u32; for i in 0u8..16 "
        "{ let t = r | (1u32 << (15 - i)); if (t as u64) * (t as u64) <= (x as u64) { r = t; } } r }",
    ),
    "rotation by a secret amount": (
        None,
        "pub fn main(x: u32, k: u8) -> u32 { (x << (k & 31)) | (x >> ((32 - (k & 31)) & 31)) }",
    ),
    "parity and population of u32": (
        None,
        "pub fn main(x: u32) -> (bool, u8) { let mut p = false; let mut n = 0u8; "
        "for i in 0u8..32 { let b = (x >> i) & 1 == 1; p = p ^ b; if b { n += 1; } } (p, n) }",
    ),
    "one round of a hash": (
        None,
        "pub fn main(a: u32, b: u32, c: u32) -> u32 { ((a & b) ^ (!a & c)) ^ ((a << 7) | (a >> 25)) }",
    ),
}
MIXED_JOINS: Programs = {
    "revenue of clicked ads, 20 by 20": (
        None,
        "pub fn main(a: [(u32, bool); 20], b: [(u32, u16, u8); 20]) -> u32 { let mut sum = 0u32; "
        "for ((_, clicked), (_, cents, pieces)) in join_iter(a, b) "
        "{ if clicked { sum += (cents as u32) * (pieces as u32); } } sum }",
    ),
    "common customers, 20 by 20": (
        None,
        "pub fn main(a: [u32; 20], b: [u32; 20]) -> u16 { let mut n = 0u16; "
        "for (hit, _) in join(a, b) { if hit { n += 1; } } n }",
    ),
    "largest difference of matched rows, 20 by 20": (
        None,
        "pub fn main(a: [(u32, u8); 20], b: [(u32, u8); 20]) -> u8 { let mut m = 0u8; "
        "for ((_, x), (_, y)) in join_iter(a, b) { let d = if x > y { x - y } else { y - x }; "
        "if d > m { m = d; } } m }",
    ),
}
PROGRAMS = {
    "Auctions": AUCTIONS,
    "Statistics": STATISTICS,
    "Matching": MATCHING,
    "Inference": INFERENCE,
    "Voting": VOTING,
    "Dates and bits": DATES_AND_BITS,
    "Joins of other programs": MIXED_JOINS,
}
