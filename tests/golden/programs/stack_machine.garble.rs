// A calculator with a stack of four numbers; every kind of panic can happen.
enum Op { Push(i16), Add, Sub, Mul, Div, Dup, Swap, Nop }

pub fn main(code: [Op; 7], start: i16) -> (i16, usize) {
    let mut stack = [0i16; 4];
    let mut top = 0usize;
    stack[0] = start;
    for op in code {
        match op {
            Op::Push(v) => { top += 1; stack[top] = v; }
            Op::Dup => { top += 1; stack[top] = stack[top - 1]; }
            Op::Swap => { let t = stack[top]; stack[top] = stack[top - 1]; stack[top - 1] = t; }
            Op::Nop => {}
            other => {
                let right = stack[top];
                top -= 1;
                match other {
                    Op::Add => stack[top] += right,
                    Op::Sub => stack[top] -= right,
                    Op::Mul => stack[top] *= right,
                    _ => stack[top] /= right,
                }
            }
        }
    }
    (stack[top], top)
}
