// Two tables joined on region and product; rows are rearranged first, which costs nothing.
struct Sale { region: u8, product: u16, pieces: u8 }
struct Price { product: u16, region: u8, cents: u16, active: bool }

pub fn main(sales: [Sale; 5], prices: [Price; 4]) -> (u32, u8) {
    let mut left = [((0u8, 0u16), 0u8); 5];
    let mut right = [((0u8, 0u16), 0u16, false); 4];
    for i in 0..5usize { left[i] = ((sales[i].region, sales[i].product), sales[i].pieces); }
    let mut i = 0usize;
    for p in prices { right[i] = ((p.region, p.product), p.cents, p.active); i += 1; }
    let mut revenue = 0u32;
    let mut inactive = 0u8;
    for ((_, pieces), (_, cents, active)) in join_iter(left, right) {
        if active { revenue += pieces as u32 * cents as u32; } else { inactive += 1; }
    }
    (revenue, inactive)
}
