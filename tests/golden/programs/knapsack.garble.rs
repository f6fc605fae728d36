// The best value within a capacity; weights are secret indices into the table.
pub fn main(items: [(u8, u8); 4], capacity: usize) -> u16 {
    let mut best = [0u16; 13];
    for (weight, value) in items {
        let before = best;
        for room in 0..13usize {
            let w = weight as usize;
            if w <= room {
                let with = before[room - w] + value as u16;
                if with > best[room] { best[room] = with; }
            }
        }
    }
    best[capacity]
}
