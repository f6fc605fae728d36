// Mean and population variance in hundredths, rounded toward zero.
const N: usize = P::N;
const COUNT: i64 = P::COUNT;

pub fn main(values: [i32; N], weight: i8) -> (i64, i64) {
    let mut sum = 0i64;
    for v in values { sum += v as i64 * weight as i64; }
    let mean = sum * 100 / COUNT;
    let mut squares = 0i64;
    for v in values {
        let distance = v as i64 * weight as i64 * 100 - mean;
        squares += distance * distance / 100;
    }
    (mean, squares / COUNT)
}
