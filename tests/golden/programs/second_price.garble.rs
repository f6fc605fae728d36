// Sealed bids, one party each: the highest bid wins and pays the second highest. The earlier of two equal bids wins.
const BIDDERS: usize = HOUSE::BIDDERS;

pub fn main(bids: [u32; BIDDERS]) -> (usize, u32) {
    let mut winner = 0usize;
    let mut best = 0u32;
    let mut second = 0u32;
    let mut i = 0usize;
    for bid in bids {
        if bid > best {
            second = best;
            best = bid;
            winner = i;
        } else if bid > second {
            second = bid;
        }
        i += 1;
    }
    (winner, second)
}
