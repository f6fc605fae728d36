// Divisible goods: orders are served from the highest price down, all pay the lowest accepted price.
struct Order { price: u16, amount: u16, who: u8 }
struct Fill { who: u8, amount: u16 }

fn better(a: Order, b: Order) -> bool {
    a.price > b.price || a.price == b.price && a.who < b.who
}

pub fn main(orders: [Order; 5], supply: u16) -> ([Fill; 5], u16) {
    let mut book = orders;
    for round in 0..5usize {
        for i in 0..4 {
            if better(book[i + 1], book[i]) {
                let lower = book[i];
                book[i] = book[i + 1];
                book[i + 1] = lower;
            }
        }
    }
    let mut left = supply;
    let mut price = 0u16;
    let mut fills = [Fill { who: 0u8, amount: 0u16 }; 5];
    let mut i = 0usize;
    for order in book {
        let amount = if order.amount < left { order.amount } else { left };
        left -= amount;
        if amount > 0 { price = order.price; }
        fills[i] = Fill { amount, who: order.who };
        i += 1;
    }
    (fills, price)
}
