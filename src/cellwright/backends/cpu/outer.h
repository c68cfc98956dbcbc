// Sums of outer products as gradient.h has them, d being read where it lies: few rows of d and v at a time, so that
// they are in the cache. In full precision.
//
// Packed v: for every tile of W vectors, for every row: W * L reals. Pile: [numbers of d, numbers of v], each row filled
// up to whole vectors.
#ifndef HALF
INLINE int64_t padded(int64_t width) { return up(width, L) * L; }

// Rows of so many numbers where they lie.
struct Lying {
  const real* first;
  int64_t stride, count, width;
};

// pile += sum over rows of outer(d, v), for R numbers of d and W vectors of v, packed. What these rows give is summed by
// itself first: one long sum would lose digits. Inlined, it keeps vectors in memory.
template <int R, int W>
static __attribute__((noinline)) void add_outer_of(const Lying& d, int64_t at, const real* v, real* pile,
                                                   int64_t stride) {
  V sum[R][W] = {};
  const real* p[R];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) p[r] = d.first + at + r;
  for (int64_t n = 0; n < d.count; n++) add_products<R, W>(sum, v + n * Tile<1>::width * L, p, n * d.stride);
#pragma GCC unroll 16
  for (int r = 0; r < R; r++)
#pragma GCC unroll 16
    for (int w = 0; w < W; w++) collect(pile + (at + r) * stride + w * L, sum[r][w], All());
}

// As it is where there are only `left` numbers of d and `held` vectors of v.
template <int R, int W>
INLINE void add_up_to(int64_t left, int64_t held, const Lying& d, int64_t at, const real* v, real* pile, int64_t stride) {
  if constexpr (W > 1)
    if (held < W) return add_up_to<R, W - 1>(left, held, d, at, v, pile, stride);
  if constexpr (R > 1)
    if (left < R) return add_up_to<R - 1, W>(left, held, d, at, v, pile, stride);
  add_outer_of<R, W>(d, at, v, pile, stride);
}

// pile += sum over rows of outer(d, v); `panels` is room for v, packed.
static void add_outers(const Lying& d, const Lying& v, real* panels, real* pile) {
  enum { R = Tile<1>::rows, W = Tile<1>::width };
  const int64_t heaps = up(d.width, R);
  for (int64_t tile = 0; tile < tiles_of(v.width, W); tile++) {
    const int64_t k = first_of_tile<W>(tile, v.width), held = held_of_tile<W>(tile, v.width);
    real* const panel = panels + tile * W * L * v.count;
    for (int64_t n = 0; n < v.count; n++)
      for (int64_t at = k; at < k + held * L; at += L)
        store(panel + n * W * L + at - k, load_some(v.first + n * v.stride + at, v.width - at), All());
    for (int64_t heap = 0; heap < heaps; heap++) {
      const int64_t at = d.width * heap / heaps, left = d.width * (heap + 1) / heaps - at;
      add_up_to<R, W>(left, held, d, at, panel, pile + k, padded(v.width));
    }
  }
}

// The piles of all threads, summed into [rows, width]; `part` takes its share of the rows.
static void join_outers(const real* piles, int64_t stride, int64_t threads, int64_t rows, int64_t width, real* to,
                        int part, int parts) {
  for (int64_t n = rows * part / parts; n < rows * (part + 1) / parts; n++)
    each_vector(width, [&](int64_t k, auto places) {
      V sum = {};
      for (int64_t thread = 0; thread < threads; thread++)
        sum += load(piles + thread * stride + n * padded(width) + k, All());
      store(to + n * width + k, sum, places);
    });
}
#endif
