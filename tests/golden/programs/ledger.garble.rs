// Transfers between accounts; one that is not covered is rejected and counted.
struct Account { owner: u8, cents: u32, frozen: bool }
struct Transfer { from: usize, to: usize, cents: u32 }

pub fn main(accounts: [Account; 4], transfers: [Transfer; 5]) -> ([Account; 4], u8) {
    let mut book = accounts;
    let mut rejected = 0u8;
    for t in transfers {
        let source = book[t.from];
        if source.frozen || source.cents < t.cents || book[t.to].frozen {
            rejected += 1;
        } else {
            book[t.from].cents -= t.cents;
            book[t.to].cents += t.cents;
        }
    }
    (book, rejected)
}
