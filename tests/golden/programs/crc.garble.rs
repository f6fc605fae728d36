// CRC-32 (reflected, polynomial 0xEDB88320) and CRC-8 (0x07) of a message.
pub fn main(message: [u8; 6], start: u8) -> (u32, u8) {
    let mut crc = 4294967295u32;
    let mut short = start;
    for byte in message {
        crc = crc ^ byte as u32;
        short ^= byte;
        for bit in 0..8u8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 3988292384 } else { crc >> 1 };
            let top = short & 128 != 0;
            short <<= 1;
            if top { short ^= 7; }
        }
    }
    (!crc, short)
}
