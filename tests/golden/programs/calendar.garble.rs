// Days between two dates of the Gregorian calendar and the day of the week (0 is Monday).
struct Date { year: u16, month: u8, day: u8 }

fn leap(year: u16) -> bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

fn number(date: Date) -> i32 {
    let before = [0u16, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let past = date.year as i32 - 1;
    let mut days = past * 365 + past / 4 - past / 100 + past / 400;
    days += before[(date.month - 1) as usize] as i32 + date.day as i32;
    if date.month > 2 && leap(date.year) { days += 1; }
    days
}

pub fn main(from: Date, to: Date) -> (i32, u8) {
    (number(to) - number(from), ((number(to) + 6) % 7) as u8)
}
