// As care_by_area, for three parties: the third one brings the care level from which a person counts.

const LOCATION_ROWS: usize = PARTY_0::ROWS;
const DISABILITY_ROWS: usize = PARTY_1::ROWS;
const KEY_BYTES: usize = max(PARTY_0::ID_LEN, PARTY_1::ID_LEN);

pub fn main(
    location: [([u8; KEY_BYTES], u8); LOCATION_ROWS],
    disability: [([u8; KEY_BYTES], u8); DISABILITY_ROWS],
    threshold: u8,
) -> [u16; 10] {
    let mut counts = [0u16; 10];
    for ((_, area), (_, care_level)) in join_iter(location, disability) {
        if care_level >= threshold {
            for i in 0u8..10 {
                if area == i {
                    counts[i as usize] += 1;
                }
            }
        }
    }
    counts
}
