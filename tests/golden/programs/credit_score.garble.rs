// The bank's rules on the customer's data and the register's entries for the same person.
enum Job { None, Employed(u8), Own(u16) }
enum Decision { Reject(u8), Manual, Accept(u32) }
struct Customer { id: u32, income: u32, age: u8, job: Job }

pub fn main(customers: [(u32, Customer); 3], register: [(u32, u16, bool); 4], limit: u32) -> ([Decision; 3], u32) {
    let mut out = [Decision::Manual; 3];
    let mut total = 0u32;
    let mut i = 0usize;
    for (id, c) in customers {
        let mut points = match c.job {
            Job::None => -30i16,
            Job::Employed(years) => match years { 0..2 => 0, 2..=5 => 10, _ => 25 },
            Job::Own(staff) => if staff > 9 { 20 } else { -5 },
        };
        points += match c.age { 0..18 => -1000, 18..=24 => -10, 25..=64 => 5, 65..=255 => -5 };
        let mut fraud = false;
        for (_, (_, late, blocked)) in join_iter([(id, ())], register) {
            points -= late as i16 * 4;
            fraud = blocked;
        }
        let offer = c.income * 3;
        out[i] = if fraud {
            Decision::Reject(1)
        } else if points < -20 {
            Decision::Reject(2)
        } else if points < 10 {
            Decision::Manual
        } else {
            Decision::Accept(if offer < limit { offer } else { limit })
        };
        match out[i] { Decision::Accept(sum) => total += sum, _ => {} }
        i += 1;
    }
    (out, total)
}
