// Matrix products of many rows with one packed matrix: panels of U lie gate beside gate, a tile of rows and
// vectors is summed in registers, and `use` gets each result while it is hot.
//
// Panel: for every tile of units, for every term, for every k: for each vector of the tile: for each gate g: L reals.
template <int G> struct Tile {
  enum {
    vectors = G == 1 ? 4 : G == 2 ? 2 : 1,
    width = vectors * G,
    budget = REGISTERS == 32 ? 24 : 12,
    rows = width >= budget ? 1 : budget / width
  };
};

INLINE int64_t tiles_of(int64_t units, int vectors) { return (units + vectors * L - 1) / (vectors * L); }

// The results of R rows x W vectors over all terms; `row[term * R + r]` points to row r's operand.
template <int R, int W>
static void multiply(const real* panel, int terms, const int64_t* widths, const real* const* row, V* out) {
  V sum[R][W];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++)
#pragma GCC unroll 32
    for (int w = 0; w < W; w++) sum[r][w] = (V){};
  for (int term = 0; term < terms; term++) {
    const real* p[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) p[r] = row[term * R + r];
    const int64_t width = widths[term];
    for (int64_t k = 0; k < width; k++, panel += W * L) {
#pragma GCC unroll 32
      for (int w = 0; w < W; w++) {
        const V u = load(panel + w * L, All());
#pragma GCC unroll 16
        for (int r = 0; r < R; r++) sum[r][w] += p[r][k] * u;
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; r++)
#pragma GCC unroll 32
    for (int w = 0; w < W; w++) out[r * W + w] = sum[r][w];
}

template <int R, int W>
INLINE void multiply_up_to(int n, const real* panel, int terms, const int64_t* widths, const real* const* row, V* out) {
  if constexpr (R == 1) multiply<1, W>(panel, terms, widths, row, out);
  else if (n == R) multiply<R, W>(panel, terms, widths, row, out);
  else multiply_up_to<R - 1, W>(n, panel, terms, widths, row, out);
}

// Which rows and which tiles of units this thread works on.
struct Share {
  const int32_t* rows;
  int64_t count;
  int part, parts;
};

// For every row and vector of units: use(row, unit, count, results by gate).
// `operand(term, row)` is the row's vector; a block-diagonal matrix has `blocks` blocks of `units` x `widths`.
template <int G, int TERMS, class Operand, class Use>
INLINE void product(const real* panels, int64_t blocks, int64_t units, const int64_t (&widths)[TERMS],
                    const Share& share, Operand operand, Use use) {
  enum { R = Tile<G>::rows, W = Tile<G>::width, B = Tile<G>::vectors };
  int64_t depth = 0;
  for (int term = 0; term < TERMS; term++) depth += widths[term];
  const int64_t tiles = tiles_of(units, B), all = blocks * tiles;
  const int64_t begin = all * share.part / share.parts, end = all * (share.part + 1) / share.parts;
  for (int64_t tile = begin; tile < end; tile++) {
    const int64_t block = tile / tiles, first = (tile % tiles) * B * L;
    const real* panel = panels + tile * depth * W * L;
    for (int64_t at = 0; at < share.count; at += R) {
      const int n = share.count - at < R ? (int)(share.count - at) : R;
      const real* row[TERMS * R];
      for (int term = 0; term < TERMS; term++)
        for (int r = 0; r < n; r++) row[term * n + r] = operand(term, share.rows[at + r]) + block * widths[term];
      V out[R * W];
      multiply_up_to<R, W>(n, panel, TERMS, widths, row, out);
      for (int r = 0; r < n; r++)
        for (int v = 0; v < B; v++) {
          const int64_t unit = first + v * L, left = units - unit;
          if (left >= L) use(share.rows[at + r], block * units + unit, All(), out + r * W + v * G);
          else if (left > 0) use(share.rows[at + r], block * units + unit, (int)left, out + r * W + v * G);
        }
    }
  }
}

template <int G> INLINE int64_t panel_size(int64_t blocks, int64_t units, int64_t depth) {
  return blocks * tiles_of(units, Tile<G>::vectors) * depth * Tile<G>::width * L;
}

// Lay the matrices of one product side by side; matrices[term * G + g] is [blocks, units, width], or
// [blocks, width, units] where it is turned.
template <int G>
static void pack(real* panel, int64_t blocks, int64_t units, int terms, const int64_t* widths,
                 const real* const* matrices, const bool* turned) {
  enum { W = Tile<G>::width, B = Tile<G>::vectors };
  for (int64_t block = 0; block < blocks; block++)
    for (int64_t first = 0; first < units; first += B * L)
      for (int term = 0; term < terms; term++)
        for (int64_t k = 0; k < widths[term]; k++, panel += W * L)
          for (int v = 0; v < B; v++)
            for (int g = 0; g < G; g++) {
              const real* m = matrices[term * G + g] + block * units * widths[term];
              real* to = panel + (v * G + g) * L;
              for (int l = 0; l < L; l++) {
                const int64_t unit = first + v * L + l;
                to[l] = unit >= units ? 0 : turned[term * G + g] ? m[k * units + unit] : m[unit * widths[term] + k];
              }
            }
}
