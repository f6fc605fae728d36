// Position in a sorted table by bisection at secret indices.
pub fn main(table: [(u16, i8); 11], key: u16) -> (bool, usize, i8) {
    let mut low = 0usize;
    let mut high = 11usize;
    for step in 0..4u8 {
        if low < high {
            let middle = (low + high) / 2;
            if table[middle].0 < key { low = middle + 1; } else { high = middle; }
        }
    }
    let found = low < 11 && table[low].0 == key;
    (found, low, if found { table[low].1 } else { 0 })
}
