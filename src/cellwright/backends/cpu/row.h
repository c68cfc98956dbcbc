// The product of one row, as live streams have it: every weight is read once and used once, so what counts is to keep
// the reading going. Panels are those of product.h.
enum { AHEAD = 2048 };

// The results of W vectors over all terms; several k run beside each other, since few sums would wait for themselves.
template <int W>
static void multiply_row(const real* panel, int terms, const int64_t* widths, const real* const* row, V* out) {
  enum { N = W >= 5 ? 1 : W >= 3 ? 2 : 4 };
  V sum[N][W];
#pragma GCC unroll 4
  for (int n = 0; n < N; n++)
#pragma GCC unroll 16
    for (int w = 0; w < W; w++) sum[n][w] = (V){};
  for (int term = 0; term < terms; term++) {
    const real* p = row[term];
    const int64_t width = widths[term];
    int64_t k = 0;
    for (; k + N <= width; k += N, panel += N * W * L) {
#pragma GCC unroll 16
      for (int at = 0; at < N * W * BYTES; at += 64) __builtin_prefetch((const char*)panel + AHEAD + at);
#pragma GCC unroll 4
      for (int n = 0; n < N; n++) {
        const V value = splat(p[k + n]);
#pragma GCC unroll 16
        for (int w = 0; w < W; w++) sum[n][w] += value * load(panel + (n * W + w) * L, All());
      }
    }
    for (; k < width; k++, panel += W * L)
#pragma GCC unroll 16
      for (int w = 0; w < W; w++) sum[0][w] += splat(p[k]) * load(panel + w * L, All());
  }
#pragma GCC unroll 16
  for (int w = 0; w < W; w++) {
    V whole = sum[0][w];
#pragma GCC unroll 4
    for (int n = 1; n < N; n++) whole += sum[n][w];
    out[w] = whole;
  }
}

// As `product`. One row goes through the tiles forth and back in turns (`turn` is odd or even): what was read last still
// lies in the cache.
template <int G, int TERMS, class Operand, class Use>
INLINE void row_product(const real* panels, int64_t blocks, int64_t units, const int64_t (&widths)[TERMS],
                        const Share& share, int64_t turn, Operand operand, Use use) {
  enum { W = Tile<G>::width, E = Tile<G>::each, S = Tile<G>::slices, B = Tile<G>::vectors };
  if (share.count != 1) {
    product<G>(panels, blocks, units, widths, share, operand, use);
    return;
  }
  const int64_t here = share.rows[0];
  int64_t depth = 0;
  for (int term = 0; term < TERMS; term++) depth += widths[term];
  const int64_t tiles = tiles_of(units, B), all = blocks * tiles;
  for (int64_t n = 0; n < all; n++) {
    const int64_t tile = turn & 1 ? all - 1 - n : n, block = tile / tiles, first = first_of_tile<B>(tile % tiles, units);
    const real* row[TERMS];
    for (int term = 0; term < TERMS; term++) row[term] = operand(term, here) + block * widths[term];
    V out[W];
    for (int slice = 0; slice < S; slice++)
      multiply_row<E>(panels + (tile * W + slice * E) * depth * L, TERMS, widths, row, out + slice * E);
    for (int v = 0; v < B; v++) {
      const int64_t unit = first + v * L, left = units - unit;
      if (left >= L) use(here, block * units + unit, All(), out + v * G);
      else if (left > 0) use(here, block * units + unit, (int)left, out + v * G);
    }
  }
}
