// elman: one step forward and one step back, carried through time.
// Emitted by Cellwright; do not edit.
// graph b2cc804bbf01f5e9
//
// h_t = tanh(W x_t + U h_{t-1} + b)

struct Needs {
  int64_t panels, pile, room;
};
typedef void (*Run)(void (*task)(void* data, int part, int parts), void* data, int n);
#if defined(__x86_64__) || defined(__i386__)
#define REST __builtin_ia32_pause()
#else
#define REST __asm__ volatile("" ::: "memory")
#endif

// What a thread works on: its own rows, the longest sequences first; or, where the weights are too large for
// one thread's cache, its own units of all rows, with the others at its side (`together`).
template <class All> INLINE Share share_of(const All& all, int part, int parts) {
  real* const room = all.room + part * all.room_each;
  if (all.together) return {all.rows, all.B, part, parts, room};
  const int64_t begin = all.B * part / parts, end = all.B * (part + 1) / parts;
  return {all.rows + begin, end - begin, 0, 1, room};
}
// Threads that work together wait here until all have come.
template <class All> INLINE void wait_for_all(const All& all, const Share& share) {
  if (share.parts == 1) return;
  int64_t *const come = all.gate, *const round = all.gate + 8;
  const int64_t now = __atomic_load_n(round, __ATOMIC_ACQUIRE);
  if (__atomic_add_fetch(come, 1, __ATOMIC_ACQ_REL) == share.parts) {
    __atomic_store_n(come, 0, __ATOMIC_RELAXED);
    __atomic_store_n(round, now + 1, __ATOMIC_RELEASE);
    return;
  }
  for (int spin = 0; __atomic_load_n(round, __ATOMIC_ACQUIRE) == now; spin++) {
    if (spin < 4000) REST;
    else sched_yield();
  }
}
template <class All> INLINE int64_t steps_of(const All& all, int64_t row) {
  return all.lengths ? all.lengths[row] : all.T;
}

// A state as a step left it: its history, or the initial state where `step` is the number of steps done.
// The history of all but the output is a ring of two steps (`ring` = 1) where no way back follows.
INLINE const real* previous(const real* history, const real* start, int64_t step, int64_t row, int64_t B,
                            int64_t size, int64_t ring) {
  return step == 0 ? start + row * size : history + (((step - 1) & ring) * B + row) * size;
}

// A state before a step: what the step before left, or where a sequence begins anew, its fresh state.
template <class All> INLINE const real* before(const All& all, const real* history, const real* start, const
real* fresh, int64_t step,
                          int64_t row, int64_t size, int64_t ring) {
  if (all.resets && all.resets[step * all.B + row]) return fresh + row * size;
  return previous(history, start, step, row, all.B, size, ring);
}

// The gradient of a state that was put aside goes to the fresh one instead.
INLINE void begin_anew(real* carry, real* fresh, int64_t size) {
  for (int64_t k = 0; k < size; k++) fresh[k] += carry[k], carry[k] = 0;
}

// All steps and rows of a chunk that are real: row (step - first) * B + row of an array with a row for each.
template <class All>
INLINE Share chunk_of(const All& all, const Share& share, int64_t first, int32_t* marks) {
  int64_t count = 0;
  for (int64_t step = first; step < first + all.chunk && step < all.T; step++)
    for (int64_t n = 0; n < share.count && steps_of(all, share.rows[n]) > step; n++)
      marks[count++] = (int32_t)((step - first) * all.B + share.rows[n]);
  return {marks, count, share.part, share.parts, share.room};
}

// What one call of forward works on.
struct Forward {
  int64_t T, B, ring, keep, threads, together, chunk, window;
  int64_t H, I;
  const int32_t* rows;
  const int64_t* lengths;
  const uint8_t* resets;
  int64_t room_each;
  real* h;
  real* U;
  real* feed_0;
  real* operand_0;
  real* matrix_0;
  real* bias_0;
  int32_t* marks;
  real* h_0;
  real* h_fresh;
  real* h_last;
  real* scratch;
  real* room;
  real* panels;
  int64_t* gate;
  real* panel_0;
  real* panel_1;
};

static int64_t place_panels(Forward& all) {
  real* at = all.panels;
  all.panel_0 = at;
  at += panel_size<1>(1, all.H, deep(all.H));
  all.panel_1 = at;
  at += panel_size<1>(1, all.H, deep(all.I));
  return at - all.panels;
}
static void forward_panels(void* data, int part, int parts) {
  const Forward& all = *(const Forward*)data;
  {
    const int64_t widths[] = {all.H};
    const real* matrices[] = {all.U};
    const bool turned[] = {false};
    pack<1>(all.panel_0, 1, all.H, 1, widths, matrices, turned, part, parts);
  }
  {
    const int64_t widths[] = {all.I};
    const real* matrices[] = {all.matrix_0};
    const bool turned[] = {false};
    pack<1>(all.panel_1, 1, all.H, 1, widths, matrices, turned, part, parts);
  }
}

static int64_t room_of(const Forward& all) {
  const int64_t mine = all.together ? all.B : (all.B + all.threads - 1) / all.threads;
  int64_t most = 0, size;
  size = rounded_size(mine, 1, deep(all.H));
  if (size > most) most = size;
  size = rounded_size(mine * all.chunk, 1, deep(all.I));
  if (size > most) most = size;
  return most;
}

// The hoisted products of a chunk of steps, for one thread's sequences.
static void forward_feeds(const Forward& all, int64_t first, const Share& share) {
  {
    const int64_t widths[] = {all.I};
    const real* const panels[] = {all.panel_1};
    const real* const biases[] = {all.bias_0};
    const int64_t units[] = {all.H};
    const int64_t offsets[] = {0};
    for (int k = 0; k < 1; k++)
      product<1>(panels[k], 1, units[k], widths, share,
        [&](int term, int64_t row) -> const real* { return all.operand_0 + (first * all.B + row) * (all.I); },
        [&](int64_t row, int64_t unit, auto count, const V* result) {
          real* const to = all.feed_0 + ((first & all.window) * all.B + row) * (all.H);
          const V bias = biases[k] ? load(biases[k] + unit, count) : (V){};
          store(to + offsets[k] + unit, result[0] + bias, count);
        });
  }
}


static void forward_1(const Forward& all, int64_t step, const Share& share, real* sums) {
  const int64_t widths_0[] = {all.H};
  product<1>(all.panel_0, 1, all.H, widths_0, share,
    [&](int term, int64_t row) -> const real* { return (before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1)); },
    [&](int64_t row, int64_t unit, auto count, const V* result) {
      real* const at_W_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (all.H));
      real* const to_h = (real*)(all.h + (step * all.B + row) * (all.H));
      const V W_x = load(at_W_x + unit, count);
      const V h = tanh_((W_x + result[0]));
      store(to_h + unit, h, count);
    });
}

static void forward_through_time(void* data, int part, int parts) {
  const Forward& all = *(const Forward*)data;
  NoDenormals quiet;
  const Share mine = share_of(all, part, parts);
  Share share = mine;
  real* const sums = 0;
  const int64_t first_mark = all.together ? part * all.B : mine.rows - all.rows;
  int32_t* const marks = all.marks + all.chunk * first_mark;
  for (int64_t step = 0; step < all.T; step++) {
    while (share.count > 0 && steps_of(all, share.rows[share.count - 1]) <= step) share.count--;
    if (share.count == 0) break;
    if ((step & (all.chunk - 1)) == 0) {
      forward_feeds(all, step, chunk_of(all, share, step, marks));
      wait_for_all(all, share);
    }
    forward_1(all, step, share, sums);
    wait_for_all(all, share);
  }
  EACH_ROW(mine) {
    const int64_t row = mine.rows[n];
    memcpy(all.h_last + row * (all.H), previous(all.h, all.h_0, steps_of(all, row), row, all.B, all.H, -1), (all.H) * sizeof(real));
  }
}

static void read_forward(Forward& all, const int64_t* numbers, void* const* arrays) {
  all.T = numbers[0];
  all.B = numbers[1];
  all.ring = numbers[2];
  all.keep = numbers[3];
  all.threads = numbers[4];
  all.together = numbers[5];
  all.chunk = numbers[6];
  all.window = numbers[7];
  all.H = numbers[8];
  all.I = numbers[9];
  all.rows = (const int32_t*)arrays[0];
  all.lengths = (const int64_t*)arrays[1];
  all.resets = (const uint8_t*)arrays[2];
  all.h = (real*)arrays[3];
  all.U = (real*)arrays[4];
  all.feed_0 = (real*)arrays[5];
  all.operand_0 = (real*)arrays[6];
  all.matrix_0 = (real*)arrays[7];
  all.bias_0 = (real*)arrays[8];
  all.marks = (int32_t*)arrays[9];
  all.h_0 = (real*)arrays[10];
  all.h_fresh = (real*)arrays[11];
  all.h_last = (real*)arrays[12];
  all.scratch = (real*)arrays[13];
  all.room = (real*)arrays[14];
  all.panels = (real*)arrays[15];
  all.gate = (int64_t*)arrays[16];
  all.room_each = room_of(all);
}
// The reals that packed matrices, sums of outer products and a thread's packed rows take.
extern "C" void forward_needs(const int64_t* numbers, void* const* arrays, Needs* needs) {
  Forward all;
  read_forward(all, numbers, arrays);
  *needs = {place_panels(all), 0, all.room_each};
}
extern "C" void forward(const int64_t* numbers, void* const* arrays, Run run, Run together) {
  Forward all;
  read_forward(all, numbers, arrays);
  place_panels(all);
  run(forward_panels, &all, (int)all.threads);
  (all.together ? together : run)(forward_through_time, &all, (int)all.threads);
}

// What one call of backward works on.
struct Backward {
  int64_t T, B, ring, keep, threads, together, chunk, window;
  int64_t H, I;
  const int32_t* rows;
  const int64_t* lengths;
  const uint8_t* resets;
  int64_t pile, room_each;
  real* U;
  real* h;
  real* carry_h;
  real* dy;
  real* d;
  real* operand_0;
  real* d_operand_0;
  real* matrix_0;
  real* outer_0;
  real* outer_1;
  real* piles;
  int32_t* marks;
  real* h_0;
  real* h_fresh;
  real* given_h;
  real* left_h;
  real* left_fresh_h;
  real* sums;
  double* totals;
  real* scratch;
  real* room;
  real* panels;
  int64_t* gate;
  real* panel_0;
  real* panel_1;
};

static int64_t place_panels(Backward& all) {
  real* at = all.panels;
  all.panel_0 = at;
  at += panel_size<1>(1, all.H, deep(all.H));
  all.panel_1 = at;
  at += panel_size<1>(1, all.I, deep(all.H));
  return at - all.panels;
}
static void backward_panels(void* data, int part, int parts) {
  const Backward& all = *(const Backward*)data;
  {
    const int64_t widths[] = {all.H};
    const real* matrices[] = {all.U};
    const bool turned[] = {true};
    pack<1>(all.panel_0, 1, all.H, 1, widths, matrices, turned, part, parts);
  }
  if (all.d_operand_0) {
    const int64_t widths[] = {all.H};
    const real* matrices[] = {all.matrix_0};
    const bool turned[] = {true};
    pack<1>(all.panel_1, 1, all.I, 1, widths, matrices, turned, part, parts);
  }
}

static int64_t room_of(const Backward& all) {
  const int64_t mine = all.together ? all.B : (all.B + all.threads - 1) / all.threads;
  int64_t most = 0, size;
  size = rounded_size(mine, 1, deep(all.H));
  if (size > most) most = size;
  size = rounded_size(mine * all.chunk, 1, deep(all.H));
  if (size > most) most = size;
  size = room_size(1, all.H, all.I) * deep(mine * all.chunk);
  if (size > most) most = size;
  size = room_size(1, all.H, all.H) * deep(mine * all.chunk);
  if (size > most) most = size;
  return most;
}

static int64_t pile_of(const Backward& all) {
  return pile_size(1, all.H, all.I) + pile_size(1, all.H, all.H);
}

// The gradients that a chunk of steps adds to matrices, and those of the hoisted operands.
static void backward_products(const Backward& all, int64_t first, const Share& share,
                              int part) {
  if (all.d_operand_0) {
    const int64_t widths[] = {all.H};
    product<1>(all.panel_1, 1, all.I, widths, share,
      [&](int term, int64_t row) -> const real* { return all.d + row * (all.H) + (0); },
      [&](int64_t row, int64_t unit, auto count, const V* result) {
        store(all.d_operand_0 + (first * all.B + row) * (all.I) + unit, result[0], count);
      });
  }
  real* pile = all.piles + (all.together ? 0 : part * all.pile);
  if (all.outer_0)
    pile_up(share, 1, all.H, all.I,
      [&](int64_t row) -> const real* { return all.d + row * (all.H) + 0; },
      [&](int64_t at) -> const real* {
        const int64_t step = first + at / all.B, row = at % all.B;
        return all.operand_0 + (step * all.B + row) * (all.I);
      }, pile);
  pile += pile_size(1, all.H, all.I);
  if (all.outer_1)
    pile_up(share, 1, all.H, all.H,
      [&](int64_t row) -> const real* { return all.d + row * (all.H) + 0; },
      [&](int64_t at) -> const real* {
        const int64_t step = first + at / all.B, row = at % all.B;
        return before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1);
      }, pile);
  pile += pile_size(1, all.H, all.H);
}

// The gradients of the matrices, from the sums of all threads.
static void backward_sums(void* data, int part, int parts) {
  const Backward& all = *(const Backward*)data;
  const real* pile = all.piles;
  if (all.outer_0)
    from_piles(pile, all.pile, all.together ? 1 : all.threads, 1, all.H, all.I,
               all.outer_0, false, part, parts);
  pile += pile_size(1, all.H, all.I);
  if (all.outer_1)
    from_piles(pile, all.pile, all.together ? 1 : all.threads, 1, all.H, all.H,
               all.outer_1, false, part, parts);
  pile += pile_size(1, all.H, all.H);
}

static void backward_0(const Backward& all, int64_t step, const Share& share, real* sums) {
  EACH_ROW(share) {
    const int64_t row = share.rows[n];
    real* const at_dh_next = (real*)(all.carry_h + ((step & 1) * all.B + row) * (all.H));
    real* const at_dy = (real*)(all.dy + (step * all.B + row) * (all.H));
    real* const at_h = (real*)(all.h + (step * all.B + row) * (all.H));
    real* const to_dW_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (all.H));
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V dh_next = load(at_dh_next + unit, count);
      const V dy = load(at_dy + unit, count);
      const V h = load(at_h + unit, count);
      const V dW_x = (dh_next + dy) * (1 - (h * h));
      store(to_dW_x + unit, dW_x, count);
      collect(sums + 0 + unit, dW_x, count);
    });
  }
}

static void backward_1(const Backward& all, int64_t step, const Share& share, real* sums) {
  const int64_t widths_0[] = {all.H};
  product<1>(all.panel_0, 1, all.H, widths_0, share,
    [&](int term, int64_t row) -> const real* { return (all.d + ((step & (all.chunk - 1)) * all.B + row) * (all.H)); },
    [&](int64_t row, int64_t unit, auto count, const V* result) {
      real* const to_v11 = (real*)(all.carry_h + (((step + 1) & 1) * all.B + row) * (all.H));
      const V v11 = result[0];
      store(to_v11 + unit, v11, count);
    });
}

static void backward_through_time(void* data, int part, int parts) {
  const Backward& all = *(const Backward*)data;
  NoDenormals quiet;
  const Share mine = share_of(all, part, parts);
  Share share = mine;
  const int64_t size = all.H;
  real* const sums = all.sums + part * size;
  double* const totals = all.totals + part * size;
  memset(sums, 0, size * sizeof(real));
  memset(totals, 0, size * sizeof(double));
  const int64_t first_mark = all.together ? part * all.B : mine.rows - all.rows;
  int32_t* const marks = all.marks + all.chunk * first_mark;
  real* const piles = all.piles + (all.together ? 0 : part * all.pile);
  const int64_t zero = all.pile * share.part / share.parts, zeros = all.pile * (share.part + 1) / share.parts;
  memset(piles + zero, 0, (zeros - zero) * sizeof(real));
  share.count = 0;
  for (int64_t step = all.T - 1; step >= 0; step--) {
    const int64_t before = share.count;
    while (share.count < mine.count && steps_of(all, mine.rows[share.count]) > step) share.count++;
    if (share.count == 0) continue;
    if (share.count > before) {
      for (int64_t n = before; n < share.count && share.part == 0; n++) {
        const int64_t row = mine.rows[n];
        memcpy(all.carry_h + ((step & 1) * all.B + row) * (all.H), all.given_h + row * (all.H), (all.H) * sizeof(real));
      }
      wait_for_all(all, share);
    }
    backward_0(all, step, share, sums);
    wait_for_all(all, share);
    backward_1(all, step, share, sums);
    wait_for_all(all, share);
    if (all.resets) {
      EACH_ROW(share) {
        const int64_t row = share.rows[n];
        if (!all.resets[step * all.B + row]) continue;
        begin_anew(all.carry_h + (((step + 1) & 1) * all.B + row) * (all.H), all.left_fresh_h + row * (all.H), all.H);
      }
      wait_for_all(all, share);
    }
    if ((step & (all.chunk - 1)) == 0) {
      backward_products(all, step, chunk_of(all, share, step, marks), part);
      wait_for_all(all, share);
    }
    if (step % 32 == 0 || share.count > 32)
      for (int64_t k = 0; k < size; k++) totals[k] += sums[k], sums[k] = 0;
  }
  EACH_ROW(mine) {
    const int64_t row = mine.rows[n];
    memcpy(all.left_h + row * (all.H), steps_of(all, row)
               ? all.carry_h + (all.B + row) * (all.H)
               : all.given_h + row * (all.H), (all.H) * sizeof(real));
  }
}

static void read_backward(Backward& all, const int64_t* numbers, void* const* arrays) {
  all.T = numbers[0];
  all.B = numbers[1];
  all.ring = numbers[2];
  all.keep = numbers[3];
  all.threads = numbers[4];
  all.together = numbers[5];
  all.chunk = numbers[6];
  all.window = numbers[7];
  all.H = numbers[8];
  all.I = numbers[9];
  all.rows = (const int32_t*)arrays[0];
  all.lengths = (const int64_t*)arrays[1];
  all.resets = (const uint8_t*)arrays[2];
  all.U = (real*)arrays[3];
  all.h = (real*)arrays[4];
  all.carry_h = (real*)arrays[5];
  all.dy = (real*)arrays[6];
  all.d = (real*)arrays[7];
  all.operand_0 = (real*)arrays[8];
  all.d_operand_0 = (real*)arrays[9];
  all.matrix_0 = (real*)arrays[10];
  all.outer_0 = (real*)arrays[11];
  all.outer_1 = (real*)arrays[12];
  all.piles = (real*)arrays[13];
  all.marks = (int32_t*)arrays[14];
  all.h_0 = (real*)arrays[15];
  all.h_fresh = (real*)arrays[16];
  all.given_h = (real*)arrays[17];
  all.left_h = (real*)arrays[18];
  all.left_fresh_h = (real*)arrays[19];
  all.sums = (real*)arrays[20];
  all.totals = (double*)arrays[21];
  all.scratch = (real*)arrays[22];
  all.room = (real*)arrays[23];
  all.panels = (real*)arrays[24];
  all.gate = (int64_t*)arrays[25];
  all.pile = pile_of(all);
  all.room_each = room_of(all);
}
// The reals that packed matrices, sums of outer products and a thread's packed rows take.
extern "C" void backward_needs(const int64_t* numbers, void* const* arrays, Needs* needs) {
  Backward all;
  read_backward(all, numbers, arrays);
  *needs = {place_panels(all), pile_of(all), all.room_each};
}
extern "C" void backward(const int64_t* numbers, void* const* arrays, Run run, Run together) {
  Backward all;
  read_backward(all, numbers, arrays);
  place_panels(all);
  run(backward_panels, &all, (int)all.threads);
  (all.together ? together : run)(backward_through_time, &all, (int)all.threads);
  run(backward_sums, &all, (int)all.threads);
}
