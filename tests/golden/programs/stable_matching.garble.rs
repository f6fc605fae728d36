// Gale and Shapley: three proposers, three acceptors, secret rankings (0 is the favourite).
struct Side { order: [[usize; 3]; 3] }

fn rank(order: [usize; 3], who: usize) -> usize {
    let mut found = 3usize;
    for i in 0..3usize { if order[i] == who && found == 3 { found = i; } }
    found
}

pub fn main(proposers: Side, acceptors: Side) -> [usize; 3] {
    let mut next = [0usize; 3];
    let mut held = [3usize; 3];
    for step in 0..9u8 {
        let mut free = 3usize;
        for p in 0..3usize {
            let mut is_held = false;
            for h in held { if h == p { is_held = true; } }
            if !is_held && free == 3 { free = p; }
        }
        if free < 3 {
            let target = proposers.order[free][next[free]];
            next[free] += 1;
            if held[target] == 3 {
                held[target] = free;
            } else if rank(acceptors.order[target], free) < rank(acceptors.order[target], held[target]) {
                held[target] = free;
            }
        }
    }
    held
}
