// Loops over a register tile run IDLE_TURN turns past its length, in which nothing is done: their bodies ask for TILE_.
//
// lavapipe keeps an array in registers where it unrolls every loop over it, and unrolls one of a long body only if it counts
// as many turns as the array has elements. From Mesa 24.2 on it first puts the test of such a loop at its end
// (nir_opt_loop.c), and then counts a turn less than there are.

override IDLE_TURN: u32; // 0 to 1: given to every kernel by the class of its plan
