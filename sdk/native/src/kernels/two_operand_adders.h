/* The adders of carry_save.h for instruction sets whose operations take two operands, on pairs (PAIRED, see blocked.h). */
#define PAIRED true

/* Majority of sum, d and e, where u = d ^ e: where d and e differ it is the sum, else d. */
INLINE vec majority(vec u, vec sum, vec d) { return (u & sum) | (~u & d); }

INLINE vec add_unit(vec *sum, vec first, vec both, const uint32_t pair[2]) {
  const vec d = first ^ broadcast(pair[0]), u = both ^ broadcast(pair[1]);
  const vec carry = majority(u, *sum, d);
  *sum ^= u;
  return carry;
}

INLINE vec add_bits(vec *sum, vec a, vec b) {
  const vec u = a ^ b, carry = majority(u, *sum, a);
  *sum ^= u;
  return carry;
}
