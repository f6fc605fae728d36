// The 19 comparators of the best network for eight records, sorted by key with the payload.
struct Record { key: i16, payload: (u8, bool) }

pub fn main(records: [Record; 8], descending: bool) -> [Record; 8] {
    let mut a = records;
    let network = [
        (0usize, 2usize), (1, 3), (4, 6), (5, 7), (0, 4), (1, 5), (2, 6), (3, 7), (0, 1), (2, 3), (4, 5), (6, 7),
        (2, 4), (3, 5), (1, 4), (3, 6), (1, 2), (3, 4), (5, 6)
    ];
    for (low, high) in network {
        if (a[low].key > a[high].key) != descending {
            let t = a[low];
            a[low] = a[high];
            a[high] = t;
        }
    }
    a
}
