// A binary heap with a secret size: numbers go in, zero takes the smallest out.
pub fn main(commands: [u8; 6], first: u8) -> ([u8; 6], usize) {
    let mut heap = [255u8; 8];
    let mut size = 1usize;
    heap[0] = first;
    let mut out = [0u8; 6];
    for step in 0..6usize {
        let c = commands[step];
        if c > 0 {
            let mut at = size;
            heap[at] = c;
            size += 1;
            for level in 0..3u8 {
                if at > 0 {
                    let parent = (at - 1) / 2;
                    if heap[at] < heap[parent] { let t = heap[at]; heap[at] = heap[parent]; heap[parent] = t; }
                    at = parent;
                }
            }
        } else {
            out[step] = heap[0];
            size -= 1;
            heap[0] = heap[size];
            heap[size] = 255;
            let mut at = 0usize;
            for level in 0..3u8 {
                let left = at * 2 + 1;
                if left < 8 {
                    let right = if left + 1 < 8 { left + 1 } else { left };
                    let child = if heap[right] < heap[left] { right } else { left };
                    if heap[child] < heap[at] {
                        let t = heap[at]; heap[at] = heap[child]; heap[child] = t;
                        at = child;
                    } else { at = 8; }
                }
            }
        }
    }
    (out, size)
}
