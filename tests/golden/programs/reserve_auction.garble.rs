// A seller's secret reserve price; the outcome is an enum.
enum Bid { None, Limit(u32), Secret(u16, u16) }
enum Outcome { Unsold, Sold(u8, u32), Tie(u32) }

fn amount(bid: Bid) -> u32 {
    match bid {
        Bid::None => 0,
        Bid::Limit(cents) => cents,
        Bid::Secret(euros, cents) => euros as u32 * 100 + cents as u32,
    }
}

pub fn main(reserve: u32, a: Bid, b: Bid, c: Bid) -> Outcome {
    let mut best = 0u32;
    let mut who = 0u8;
    let mut ties = 0u8;
    let mut n = 0u8;
    for bid in [a, b, c] {
        n += 1;
        let offer = amount(bid);
        if offer > best { best = offer; who = n; ties = 0; } else if offer == best { ties += 1; }
    }
    if best < reserve || best == 0 {
        Outcome::Unsold
    } else if ties > 0 {
        Outcome::Tie(best)
    } else {
        Outcome::Sold(who, best)
    }
}
