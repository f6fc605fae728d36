// Product, transpose, trace and a power of a matrix.
const N: usize = 3usize;

fn multiply(a: [[i32; N]; N], b: [[i32; N]; N]) -> [[i32; N]; N] {
    let mut c = [[0i32; N]; N];
    for i in 0..3usize { for j in 0..3usize { for k in 0..3usize { c[i][j] += a[i][k] * b[k][j]; } } }
    c
}

fn transpose(a: [[i32; N]; N]) -> [[i32; N]; N] {
    let mut t = a;
    for i in 0..3usize { for j in 0..3usize { t[j][i] = a[i][j]; } }
    t
}

pub fn main(a: [[i32; N]; N], b: [[i32; N]; N]) -> ([[i32; N]; N], [[i32; N]; N], i32) {
    let cube = multiply(a, multiply(a, a));
    let mut trace = 0i32;
    for i in 0..3usize { trace -= cube[i][i]; }
    (multiply(a, b), transpose(b), trace)
}
