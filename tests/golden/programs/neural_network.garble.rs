// A network in fixed point (8 fraction bits): four inputs, three hidden units with ReLU, two classes.
const ONE: i32 = 256i32;

struct Layer { weights: [[i16; 4]; 3], bias: [i16; 3] }

fn relu(x: i32) -> i32 { if x < 0 { 0 } else { x } }

pub fn main(layer: Layer, output: [[i16; 3]; 2], input: [i16; 4]) -> (usize, [i32; 2]) {
    let mut hidden = [0i32; 3];
    for j in 0..3usize {
        let mut sum = layer.bias[j] as i32 * ONE;
        for i in 0..4usize { sum += layer.weights[j][i] as i32 * input[i] as i32; }
        hidden[j] = relu(sum >> 8);
    }
    let mut scores = [0i32; 2];
    for k in 0..2usize {
        for j in 0..3usize { scores[k] += (output[k][j] as i64 * hidden[j] as i64 >> 8) as i32; }
    }
    let best = if scores[1] > scores[0] { 1usize } else { 0usize };
    (best, scores)
}
