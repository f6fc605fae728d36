// The joined rows themselves, and what is in stock but was never ordered.
pub fn main(stock: [(u16, u8); 4], orders: [(u16, u8, bool); 3])
    -> ([(bool, (u16, u8), (u16, u8, bool)); const { 4usize + 3usize - 1usize }], u8, u8) {
    let rows = join(stock, orders);
    let mut missing = 0u8;
    let mut matched = 0u8;
    for (hit, (_, available), (_, wanted, urgent)) in rows {
        if hit {
            matched += 1;
            if urgent && wanted > available { missing += wanted - available; }
        }
    }
    (rows, missing, 4 - matched)
}
