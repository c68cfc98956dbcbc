// A matrix's gradient: the sum over many rows of outer(v, d), in tiles that stay in registers.
//
// Packed d: for every tile of W vectors, for every row: W * L reals. Packed v: for every tile of R, for every row: R.
// In bfloat16 "row" means two of them (`deep`); AMX reads v in heaps of 16 rows for each of R.
// Pile (one per thread): for every tile of d, for every tile of v: R x W vectors; `from_piles` brings it in order.
#ifdef AMX
enum { OUTER_R = 32, OUTER_W = 2 };
#else
enum { OUTER_R = 6, OUTER_W = REGISTERS == 32 ? 4 : 2 };
#endif
enum { OUTER_N = OUTER_W * L };

INLINE int64_t pile_size(int64_t blocks, int64_t size, int64_t width) {
  return blocks * up(size, OUTER_N) * OUTER_N * up(width, OUTER_R) * OUTER_R;
}

// Both operands packed, per row.
INLINE int64_t room_size(int64_t, int64_t size, int64_t width) {
  return up(size, OUTER_N) * OUTER_N + up(width, OUTER_R) * OUTER_R;
}

#ifdef AMX
// What one long sum loses is less than what rounding the operands loses.
static void add_outer(int64_t rows, int64_t columns, int64_t places, const real* v, const real* d, real* pile) {
  multiply_square<true>(places, columns, d, rows / 16, v, v + 256, 16, OUTER_R * 16, (V*)pile, OUTER_W);
}
#else
// The rows of a chunk are summed by themselves first: one long sum would lose digits. W: the vectors of d that hold columns.
template <int W> static void add_columns(int64_t rows, const real* v, const real* d, real* pile) {
  V sum[OUTER_R][W];
#pragma GCC unroll 16
  for (int r = 0; r < OUTER_R; r++)
#pragma GCC unroll 16
    for (int w = 0; w < W; w++) sum[r][w] = (V){};
  const real* p[OUTER_R];
#pragma GCC unroll 16
  for (int r = 0; r < OUTER_R; r++) p[r] = v + r;
  for (int64_t k = 0; k < rows; k++) add_products<OUTER_R, W>(sum, d + k * OUTER_N, p, k * OUTER_R);
#pragma GCC unroll 16
  for (int r = 0; r < OUTER_R; r++)
#pragma GCC unroll 16
    for (int w = 0; w < W; w++) collect(pile + (r * OUTER_W + w) * L, sum[r][w], All());
}
static void add_outer(int64_t rows, int64_t columns, int64_t, const real* v, const real* d, real* pile) {
  const int64_t held = up(columns, L);
  if (OUTER_W > 1 && held == 1) add_columns<1>(rows, v, d, pile);
  else if (OUTER_W > 2 && held == 2) add_columns<2>(rows, v, d, pile);
  else add_columns<OUTER_W>(rows, v, d, pile);
}
#endif

// Columns begin .. end of rows of reals, laid out by tiles of N, what is past `size` filled up with zeros.
#ifdef HALF
// Columns from k on of the share's rows 2 n and 2 n + 1 as pairs; past the last row and column there is 0.
template <class Row> INLINE V paired_rows(const Share& share, int64_t n, int64_t k, int64_t size, Row row_of) {
  const bool first = 2 * n < share.count, second = 2 * n + 1 < share.count;
  return pairs_of(first ? load_some(row_of(share.rows[2 * n]) + k, size - k) : (V){},
                  second ? load_some(row_of(share.rows[2 * n + 1]) + k, size - k) : (V){});
}

#ifdef AMX
// The pairs of a heap of 16 lie side by side, for each of the N columns.
template <int N, class Row>
INLINE void pack_heaps(real* to, const Share& share, int64_t begin, int64_t end, int64_t size, Row row_of) {
  const int64_t rows = deep(share.count);
  for (int64_t n = 0; n < rows; n += L)
    for (int64_t k = begin; k < end; k += L) {
      V block[L];
      for (int l = 0; l < L; l++) block[l] = paired_rows(share, n + l, k, size, row_of);
      transpose(block);
      const int64_t heap = n / PAIRS * N * PAIRS + (k - begin) % N * PAIRS + n % PAIRS;
      real* const at = to + (k - begin) / N * N * rows + heap;
      for (int l = 0; l < L; l++) store(at + l * PAIRS, block[l], All());
    }
}
#endif

template <int N, bool HEAPS, class Row>
INLINE void pack_rows(real* to, const Share& share, int64_t begin, int64_t end, int64_t size, Row row_of) {
#ifdef AMX
  if constexpr (HEAPS) return pack_heaps<N>(to, share, begin, end, size, row_of);
#endif
  const int64_t rows = deep(share.count);
  for (int64_t n = 0; n < rows; n++)
    for (int64_t k = begin; k < end; k += N)
      for (int r = 0; r < N; r += L) {
        const V pairs = paired_rows(share, n, k + r, size, row_of);
        real* const at = to + (k - begin) * rows + n * N + r;
        if (N - r >= L) store(at, pairs, All());
        else store(at, pairs, N - r);
      }
}
#else
template <int N, bool HEAPS, class Row>
INLINE void pack_rows(real* to, const Share& share, int64_t begin, int64_t end, int64_t size, Row row_of) {
  const int64_t rows = share.count, whole = end < size / N * N ? end : size / N * N;
  for (int64_t n = 0; n < rows; n++) {
    const real* from = row_of(share.rows[n]);
    real* at = to + n * N;
    for (int64_t k = begin; k < whole; k += N, at += rows * N) memcpy(at, from + k, N * sizeof(real));
    if (whole < end)
      for (int64_t k = whole; k < whole + N; k++) at[k - whole] = k < size ? from[k] : 0;
  }
}
#endif

// pile += sum over rows of outer(v, d), both packed: d's columns begin .. end of `down` and all of v, in one block.
INLINE void add_packed(int64_t rows, int64_t size, int64_t width, int64_t begin, int64_t end, const real* d,
                       const real* v, real* pile) {
  const int64_t across = up(width, OUTER_R);
  for (int64_t n = begin; n < end; n++, d += OUTER_N * rows)
    for (int64_t m = 0; m < across; m++)
      add_outer(rows, size - n * OUTER_N, width - m * OUTER_R, v + m * OUTER_R * rows, d,
                pile + (n * across + m) * OUTER_R * OUTER_N);
}

// pile += sum over the share's rows of outer(v, d), block by block; the share's room holds both packed. Threads that
// share the rows share the columns of d.
template <class D, class Vector>
INLINE void pile_up(const Share& share, int64_t blocks, int64_t size, int64_t width, D d_of, Vector v_of, real* pile) {
  const int64_t rows = deep(share.count), down = up(size, OUTER_N), across = up(width, OUTER_R);
  const int64_t begin = down * share.part / share.parts, end = down * (share.part + 1) / share.parts;
  real* const v = share.room + (end - begin) * OUTER_N * rows;
  for (int64_t block = 0; block < blocks; block++) {
    pack_rows<OUTER_N, false>(share.room, share, begin * OUTER_N, end * OUTER_N, size,
                       [&](int64_t row) { return d_of(row) + block * size; });
    pack_rows<OUTER_R, true>(v, share, 0, across * OUTER_R, width, [&](int64_t row) { return v_of(row) + block * width; });
    begin_tiles();
    add_packed(rows, size, width, begin, end, share.room, v, pile + block * down * across * OUTER_R * OUTER_N);
    end_tiles();
  }
}

// The piles of all threads, summed into the gradient [blocks, size, width]; `part` takes its share of the tiles. A tile
// of d is `across` tiles of v: rows of v, one below the other, with OUTER_N places each.
static void from_piles(const real* piles, int64_t stride, int64_t threads, int64_t blocks, int64_t size, int64_t width,
                       real* gradient, bool add, int part, int parts) {
  const int64_t deep_rows = up(width, OUTER_R) * OUTER_R, down = up(size, OUTER_N), all = blocks * down;
  for (int64_t tile = all * part / parts; tile < all * (part + 1) / parts; tile++)
    for (int64_t at = 0; at < OUTER_N; at += L) {
      const int64_t first = tile % down * OUTER_N + at, high = size - first < L ? size - first : L;
      real* const rows = gradient + (tile / down * size + first) * width;
      each_vector(high > 0 ? width : 0, [&](int64_t start, auto places) {
        V block[L];
        for (int64_t r = 0; r < L; r++) {
          block[r] = (V){};
          const real* const from = piles + (tile * deep_rows + start + r) * OUTER_N + at;
          if (start + r < width)
            for (int64_t thread = 0; thread < threads; thread++) block[r] += load(from + thread * stride, All());
        }
        transpose(block);
        for (int64_t n = 0; n < high; n++) {
          real* const to = rows + n * width + start;
          store(to, add ? block[n] + load(to, places) : block[n], places);
        }
      });
    }
}
