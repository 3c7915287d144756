//! The number that an Ed25519 key file holds for a scalar, which a library keeps below the order of the group.

use curve25519_dalek::Scalar;
use zeroize::Zeroizing;

/// L, the order of the base point, little-endian (RFC 8032, 5.1).
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// The number that is congruent to the scalar and clamped (RFC 8032, 5.1.5): divisible by 8, from 2^254 on and below 2^255.
/// There is one for each scalar that came of a seed, and for about half of all others: L is odd and somewhat above 2^252.
pub(super) fn clamped(scalar: &Scalar) -> Option<Zeroizing<[u8; 32]>> {
    let mut number = Zeroizing::new(scalar.to_bytes());
    // 8 L is above 2^255.
    for _ in 0..8 {
        let divisible = number.first().is_some_and(|byte| byte & 0b111 == 0);
        if divisible && number.last().is_some_and(|byte| byte >> 6 == 0b01) {
            return Some(number);
        }
        let mut carry = 0;
        for (byte, more) in number.iter_mut().zip(ORDER) {
            let sum = u16::from(*byte) + u16::from(more) + carry;
            let [low, high] = sum.to_le_bytes();
            (*byte, carry) = (low, u16::from(high));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_order_is_that_of_the_base_point() {
        let below = Scalar::ZERO - Scalar::ONE;
        let mut order = below.to_bytes();
        order[0] += 1;
        assert_eq!(order, ORDER);
    }

    proptest! {
        #[test]
        fn the_clamped_number_of_a_seed_comes_back(seed in any::<[u8; 32]>()) {
            let number = curve25519_dalek::scalar::clamp_integer(seed);
            let scalar = Scalar::from_bytes_mod_order(number);
            prop_assert_eq!(*clamped(&scalar).unwrap(), number);
        }
    }

    #[test]
    fn a_scalar_of_no_seed_is_refused() {
        let refused = (0_u64..64)
            .filter(|number| clamped(&Scalar::from(*number)).is_none())
            .count();
        assert!(refused > 0, "half of all scalars have no clamped form");
    }
}
