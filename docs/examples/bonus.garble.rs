// Two parties: staff as (department, wage), and the bonus of each department in percent.
pub fn main(staff: [(u8, u32); 40], percent: [u32; 8]) -> [u32; 8] {
    let mut bonus = [0u32; 8];
    for (department, wage) in staff {
        let rate = percent[department as usize];
        bonus[department as usize] += share(wage, rate);
    }
    bonus
}

fn share(amount: u32, rate: u32) -> u32 {
    amount * rate / 100
}
