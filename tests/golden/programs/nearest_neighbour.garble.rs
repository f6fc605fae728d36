// The label of the majority of the three nearest points; of equal distances the earlier point is nearer.
struct Point { x: i16, y: i16, label: u8 }

fn square(a: i16, b: i16) -> u32 {
    let d = a as i32 - b as i32;
    (d * d) as u32
}

pub fn main(points: [Point; 6], x: i16, y: i16) -> (u8, [u32; 3]) {
    let mut distance = [4294967295u32; 3];
    let mut label = [0u8; 3];
    for p in points {
        let d = square(p.x, x) / 2 + square(p.y, y) / 2;
        let mut carried = (d, p.label);
        for k in 0..3usize {
            if carried.0 < distance[k] {
                let old = (distance[k], label[k]);
                distance[k] = carried.0;
                label[k] = carried.1;
                carried = old;
            }
        }
    }
    let chosen = if label[1] == label[2] { label[1] } else { label[0] };
    (chosen, distance)
}
