// A state machine: coins, choice and cancel; it keeps the change in its state.
enum State { Idle, Paid(u16), Broken }
enum Event { Coin(u8), Choose(u8), Cancel, Kick }
struct Log { sold: [u8; 3], returned: u16 }

pub fn main(events: [Event; 6], stock: [u8; 3]) -> (State, Log) {
    let prices = [120u16, 200, 80];
    let mut state = State::Idle;
    let mut left = stock;
    let mut log = Log { sold: [0u8; 3], returned: 0u16 };
    for event in events {
        state = match (state, event) {
            (State::Broken, _) => State::Broken,
            (_, Event::Kick) => State::Broken,
            (State::Idle, Event::Coin(c)) => State::Paid(c as u16),
            (State::Paid(p), Event::Coin(c)) => State::Paid(p + c as u16),
            (State::Paid(p), Event::Cancel) => { log.returned += p; State::Idle }
            (State::Paid(p), Event::Choose(item)) => {
                let i = item as usize;
                if i < 3 && left[i] > 0 && p >= prices[i] {
                    left[i] -= 1;
                    log.sold[i] += 1;
                    log.returned += p - prices[i];
                    State::Idle
                } else {
                    State::Paid(p)
                }
            }
            (State::Idle, _) => State::Idle,
        };
    }
    (state, log)
}
