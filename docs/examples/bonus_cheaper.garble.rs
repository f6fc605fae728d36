// Two parties: staff as (department, wage), and the bonus of each department in percent.
pub fn main(staff: [(u8, u16); 40], percent: [u8; 8]) -> [u32; 8] {
    let mut total = [0u32; 8];
    for (department, wage) in staff {
        total[department as usize] += wage as u32;
    }
    let mut bonus = [0u32; 8];
    for i in 0..8usize {
        bonus[i] = share(total[i], percent[i]);
    }
    bonus
}

fn share(amount: u32, rate: u8) -> u32 {
    amount * (rate as u32) / 100
}
