// A softmax over many classes, fused with the product before it: the logits of some rows, their mean negative log
// likelihood, and the slopes of x, weight and bias. Follows vector.h, half.h, product.h, gradient.h and outer.h.
//
// Logits lie class by class, [classes, span] for `rows` places, so that maxima, sums and exponentials run along
// vectors of rows. A block of classes is small enough that what is made of it is used while it is hot:
//   first way:  z = weight x^T + bias; what is kept is e^(z - top), top the largest of the row until now
//   back:       slope = scale (e^(z - top) e^(top - log of the whole sum) - wanted), then its two products
// A thread takes its share of the blocks, one at least; figures of a row and the slopes of x are summed over threads.
// With HALF the three products read their operands rounded to bfloat16; logits, figures and slopes stay float32.
struct Softmax {
  int64_t rows, width, classes, block, threads, back, add;
  real scale, smoothing;  // of every row; the share of the wanted probability that goes evenly to all classes
  const real *x, *weight, *bias;
  const int64_t* wanted;
  const int32_t* numbers;  // 0, 1, ... block - 1
  real *by_x, *by_weight, *by_bias;
  real *across, *down;  // x packed for the two products
  real *logits;         // of all classes, where there is a way back
  real *hot;            // of a block, and its slopes, for each thread
  real *figures;        // rows of `span` reals: see below
  real *piles, *room;
};
// Of all threads: the logarithm of a row's sum of e^z, the sum of z, the wanted class's z. Of each thread: the largest z,
// the sum of e^(z - largest), the sum of z, a factor. Of each block: the largest z until then.
enum { WHOLE, EVEN, RIGHT, SHARED };
enum { TOP, MASS, SUM, FACTOR, OWN };
enum { FAR = 1 << 20 };  // more logits do not stay in the second cache until the way back

INLINE int64_t span_of(const Softmax& all) { return up(all.rows, L) * L; }
INLINE int64_t blocks_of(const Softmax& all) { return up(all.classes, all.block); }
INLINE int64_t hot_of(const Softmax& all) { return all.block * span_of(all); }
#ifdef HALF
INLINE int64_t pile_of(const Softmax& all) { return pile_size(1, all.rows, all.width); }
// Of one thread: a block's operands packed for one product after the other.
INLINE int64_t room_of(const Softmax& all) {
  const int64_t deepest = all.rows > all.width ? all.rows : all.width;
  const int64_t rounded = rounded_size(all.block, 1, deep(deepest));
  const int64_t packed = all.back ? room_size(1, all.rows, all.width) * deep(all.block) : 0;
#ifdef AMX
  return rounded + packed;
#else
  return rounded > packed ? rounded : packed;
#endif
}
#else
INLINE int64_t pile_of(const Softmax& all) { return all.rows * padded(all.width); }
// Of one thread: a block's weights, packed.
INLINE int64_t room_of(const Softmax& all) { return all.back ? panel_size<1>(1, all.width, all.block) : 0; }
#endif
INLINE real* shared(const Softmax& all, int figure) { return all.figures + figure * span_of(all); }
INLINE real* own(const Softmax& all, int64_t part, int figure) {
  return all.figures + (SHARED + part * OWN + figure) * span_of(all);
}
INLINE real* tops_of(const Softmax& all, int64_t first) {
  return all.figures + (SHARED + all.threads * OWN + first / all.block) * span_of(all);
}

// Reals: x packed twice, the logits, the figures, the piles, the rooms.
extern "C" void softmax_needs(const Softmax* all, int64_t* needs) {
  const int64_t span = span_of(*all), figures = SHARED + all->threads * OWN + blocks_of(*all);
  needs[0] = panel_size<1>(1, all->rows, deep(all->width));
  needs[1] = all->back ? panel_size<1>(1, all->width, deep(all->rows)) : 0;
  needs[2] = all->back ? all->classes * span : 0;
  needs[3] = all->threads * hot_of(*all);
  needs[4] = figures * span;
  needs[5] = all->back ? all->threads * pile_of(*all) : 0;
  needs[6] = all->threads * room_of(*all);
}

// A part's blocks: f(first class, how many). On the way back the last is the first: it is still in the cache.
template <class F> INLINE void each_block(const Softmax& all, int part, int parts, bool back, F f) {
  const int64_t begin = blocks_of(all) * part / parts, end = blocks_of(all) * (part + 1) / parts;
  for (int64_t k = begin; k < end; k++) {
    const int64_t first = (back ? begin + end - 1 - k : k) * all.block, left = all.classes - first;
    f(first, left < all.block ? left : all.block);
  }
}

// A block's logits, where their exponentials go, and what is known of their rows until then.
struct Rising {
  const real* z;
  real* to;
  bool far;  // more than the caches hold until it is read again
  int64_t span, count;
  real *top, *mass, *sum, *tops;

  void keep(int64_t v, int64_t n, V value) const {
    if (far) stream(to + v * span + n, value);
    else if (to) store(to + v * span + n, value, All());
  }
};

// M vectors of rows from row n on, so that as many exponentials are under way. A NaN comes to light in the mass.
template <int M> INLINE void raise(const Rising& of, int64_t n) {
  V high[M], whole[M];
  const auto logit = [&](int64_t v, int m) { return load(of.z + v * of.span + n + m * L, All()); };
#pragma GCC unroll 8
  for (int m = 0; m < M; m++) high[m] = load(of.top + n + m * L, All());
  for (int64_t v = 0; v < of.count; v++)
#pragma GCC unroll 8
    for (int m = 0; m < M; m++) high[m] = logit(v, m) > high[m] ? logit(v, m) : high[m];
  if (of.sum)
    for (int m = 0; m < M; m++) {
      V total = load(of.sum + n + m * L, All());
      for (int64_t v = 0; v < of.count; v++) total += logit(v, m);
      store(of.sum + n + m * L, total, All());
    }
#pragma GCC unroll 8
  for (int m = 0; m < M; m++)
    whole[m] = load(of.mass + n + m * L, All()) * exp_(load(of.top + n + m * L, All()) - high[m]);
  for (int64_t v = 0; v < of.count; v++)
#pragma GCC unroll 8
    for (int m = 0; m < M; m++) {
      const V one = exp_down(logit(v, m) - high[m]);
      of.keep(v, n + m * L, one);
      whole[m] += one;
    }
#pragma GCC unroll 8
  for (int m = 0; m < M; m++) {
    store(of.top + n + m * L, high[m], All());
    store(of.tops + n + m * L, high[m], All());
    store(of.mass + n + m * L, whole[m], All());
  }
}

static void raised_of(void* data, int part, int parts) {
  const Softmax& all = *(const Softmax*)data;
  const int64_t span = span_of(all), widths[1] = {all.width};
  real *const top = own(all, part, TOP), *const mass = own(all, part, MASS), *const sum = own(all, part, SUM);
  real *const right = shared(all, RIGHT), *const hot = all.hot + part * hot_of(all);
  const bool far = all.back && all.classes * span > FAR;
  for (int64_t n = 0; n < span; n++) top[n] = -INFINITY, mass[n] = sum[n] = 0;
  each_block(all, part, parts, false, [&](int64_t first, int64_t count) {
    const Share share = {all.numbers, count, 0, 1, all.room + part * room_of(all)};
    product<1>(all.across, 1, all.rows, widths, share,
               [&](int, int64_t v) { return all.weight + (first + v) * all.width; },
               [&](int64_t v, int64_t row, auto, const V* out) {
                 store(hot + v * span + row, *out + (all.bias ? all.bias[first + v] : 0), All());
               });
    for (int64_t n = 0; n < all.rows; n++) {
      const int64_t v = all.wanted[n] - first;
      if (v >= 0 && v < count) right[n] = hot[v * span + n];
    }
    real *const to = all.back ? all.logits + first * span : 0, *const even = all.smoothing != 0 ? sum : 0;
    const Rising block = {hot, to, far, span, count, top, mass, even, tops_of(all, first)};
    int64_t n = 0;
    for (; n + 4 * L <= span; n += 4 * L) raise<4>(block, n);
    for (; n < span; n += L) raise<1>(block, n);
  });
  end_streams();
}

static void join_figures(const Softmax& all) {
  for (int64_t n = 0; n < span_of(all); n += L) {
    V top = splat(-INFINITY), mass = {}, sum = {};
    for (int64_t t = 0; t < all.threads; t++) top = maximum_(top, load(own(all, t, TOP) + n, All()));
    for (int64_t t = 0; t < all.threads; t++) {
      mass += load(own(all, t, MASS) + n, All()) * exp_(load(own(all, t, TOP) + n, All()) - top);
      sum += load(own(all, t, SUM) + n, All());
    }
    store(shared(all, WHOLE) + n, top + log_(mass), All());
    store(shared(all, EVEN) + n, sum, All());
  }
}

// The sum over rows of -log softmax(z)[wanted], smoothed.
static double nats_of(const Softmax& all) {
  const double smooth = all.smoothing;
  double nats = 0;
  for (int64_t n = 0; n < all.rows; n++)
    nats += shared(all, WHOLE)[n] - (1 - smooth) * shared(all, RIGHT)[n] - smooth * shared(all, EVEN)[n] / all.classes;
  return nats;
}

// What a block's e^(z - top) are multiplied by, for every row.
static void factors_of(const Softmax& all, int64_t first, real* factor) {
  const real *const whole = shared(all, WHOLE), *const tops = tops_of(all, first);
  for (int64_t n = 0; n < span_of(all); n += L)
    store(factor + n, exp_(load(tops + n, All()) - load(whole + n, All())) * all.scale, All());
}
// Of every class the same share of a row's slope; of the wanted class this much less.
INLINE real even_of(const Softmax& all) { return all.scale * all.smoothing / (real)all.classes; }
INLINE real wanted_of(const Softmax& all) { return all.scale * (1 - all.smoothing); }
// f(row, class of the block) for every row whose wanted class is one of the block's.
template <class F> INLINE void each_wanted(const Softmax& all, int64_t first, int64_t count, F f) {
  for (int64_t n = 0; n < all.rows; n++)
    if (all.wanted[n] >= first && all.wanted[n] < first + count) f(n, all.wanted[n] - first);
}

#ifdef AMX
// The slopes of a block's logits, packed for both products: `across`, where classes are rows, and `d`, where two classes
// are a pair. A logit is read once. Past the last row and class there are zeros.
struct Slopes {
  real *across, *d;
  int64_t depth, pairs;

  real* row(int64_t v, int64_t k) const {
    return across + (v - v % HEAP_ROWS) * depth + v % HEAP_ROWS * PAIRS + k / PAIRS * HEAP_ROWS * PAIRS + k % PAIRS;
  }
  real* pair(int64_t v, int64_t n) const {
    return d + (n - n % OUTER_N) * pairs + v / 2 * OUTER_N + n % OUTER_N;
  }
  // Another slope in one place.
  void change(int64_t v, int64_t n, real slope) const {
    const uint16_t half = rounded(splat(slope))[0] >> 16;
    memcpy((char*)row(v, n / 2) + n % 2 * 2, &half, 2);
    memcpy((char*)pair(v, n) + v % 2 * 2, &half, 2);
  }
};

static void packed_slopes_of(const Softmax& all, const real* z, int64_t first, int64_t count, const real* factor,
                             const Slopes& to) {
  const int64_t span = span_of(all), columns = up(all.rows, OUTER_N) * OUTER_N;
  const real even = even_of(all), wanted = wanted_of(all);
  for (int64_t v = 0; v < 2 * to.pairs; v += 2) {
    V sum[2] = {};
    for (int64_t n = 0; n < 2 * to.depth; n += 2 * L) {
      Pairs slopes[2][2];
#pragma GCC unroll 2
      for (int below = 0; below < 2; below++)
#pragma GCC unroll 2
        for (int right = 0; right < 2; right++) {
          const int64_t at = n + right * L, left = v + below < count ? all.rows - at : 0;
          V slope = {};
          if (left > 0) slope = load(z + (v + below) * span + at, All()) * load(factor + at, All()) - even;
          if (left > 0 && left < L) slope = only(slope, (int)left, 0);
          sum[below] += slope;
          slopes[below][right] = rounded(slope);
        }
      for (int right = 0; right < 2 && n < columns; right++)
        store(to.pair(v, n + right * L), pairs_of(slopes[0][right], slopes[1][right]), All());
      for (int below = 0; below < 2 && v + below < count; below++)
        store(to.row(v + below, n / 2), side_by_side(slopes[below][0], slopes[below][1]), All());
    }
    for (int below = 0; below < 2 && v + below < count; below++) {
      real* const by_bias = all.by_bias + first + v + below;
      *by_bias = total(sum[below]) + (all.add ? *by_bias : 0);
    }
  }
  each_wanted(all, first, count, [&](int64_t n, int64_t v) {
    to.change(v, n, z[v * span + n] * factor[n] - even - wanted);
    all.by_bias[first + v] -= wanted;
  });
}
#else
// The slopes of a block's logits. Past the last row there is nothing to be read.
static void slopes_of(const Softmax& all, const real* z, int64_t first, int64_t count, const real* factor, real* to) {
  const int64_t span = span_of(all);
  const real even = even_of(all), wanted = wanted_of(all);
  for (int64_t v = 0; v < count; v++) {
    V sum = {};
    const real* const row = z + v * span;
    each_vector(all.rows, [&](int64_t n, auto places) {
      const V slope = load(row + n, All()) * load(factor + n, All()) - even;
      store(to + v * span + n, slope, All());
      sum += only(slope, places, 0);
    });
    all.by_bias[first + v] = total(sum) + (all.add ? all.by_bias[first + v] : 0);
  }
  each_wanted(all, first, count, [&](int64_t n, int64_t v) {
    to[v * span + n] -= wanted;
    all.by_bias[first + v] -= wanted;
  });
}
#endif

static void back_of(void* data, int part, int parts) {
  const Softmax& all = *(const Softmax*)data;
  const int64_t span = span_of(all);
  real *const pile = all.piles + part * pile_of(all), *const factor = own(all, part, FACTOR);
  memset(pile, 0, pile_of(all) * sizeof(real));
  each_block(all, part, parts, true, [&](int64_t first, int64_t count) {
    const real* const z = all.logits + first * span;
    real* const hot = all.hot + part * hot_of(all);
    const Share share = {all.numbers, count, 0, 1, all.room + part * room_of(all)};
    const auto weights = [&](int64_t v) { return all.weight + (first + v) * all.width; };
    const auto keep = [&](int64_t v, int64_t unit, auto places, const V* out) {
      real* const to = all.by_weight + (first + v) * all.width + unit;
      store(to, all.add ? load(to, places) + *out : *out, places);
    };
    factors_of(all, first, factor);
#ifdef AMX
    const int64_t depth[1] = {deep(all.rows)}, rows = deep(count), down = up(all.rows, OUTER_N);
    real *const across = share.room, *const d = across + rounded_size(count, 1, *depth);
    real* const v = d + down * OUTER_N * rows;
    packed_slopes_of(all, z, first, count, factor, {across, d, *depth, rows});
    pack_rows<OUTER_R, true>(v, share, 0, up(all.width, OUTER_R) * OUTER_R, all.width, weights);
    begin_tiles();
    const auto row = [&](int, int64_t n) -> const real* { return across + n * *depth; };
    product_of<1>(all.down, 1, all.width, depth, share, row, keep);
    add_packed(rows, all.rows, all.width, 0, down, d, v, pile);
    end_tiles();
#else
    const int64_t widths[1] = {all.rows};
    slopes_of(all, z, first, count, factor, hot);
    product<1>(all.down, 1, all.width, widths, share, [&](int, int64_t v) { return hot + v * span; }, keep);
#ifdef HALF
    pile_up(share, 1, all.rows, all.width, [&](int64_t v) { return hot + v * span; }, weights, pile);
#else
    const Lying slopes = {hot, span, count, all.rows}, block = {weights(0), all.width, count, all.width};
    add_outers(slopes, block, share.room, pile);
#endif
#endif
  });
}

static void join_piles(void* data, int part, int parts) {
  const Softmax& all = *(const Softmax*)data;
#ifndef HALF
  join_outers(all.piles, pile_of(all), all.threads, all.rows, all.width, all.by_x, part, parts);
#else
  from_piles(all.piles, pile_of(all), all.threads, 1, all.rows, all.width, all.by_x, false, part, parts);
#endif
}

static void pack_x(const Softmax& all) {
  const real* const x[1] = {all.x};
  const bool as_it_is[1] = {false}, turned[1] = {true};
  pack<1>(all.across, 1, all.rows, 1, &all.width, x, as_it_is, 0, 1);
  if (all.back) pack<1>(all.down, 1, all.width, 1, &all.rows, x, turned, 0, 1);
}

typedef void (*Run)(void (*task)(void* data, int part, int parts), void* data, int n);

// The sum of nats over the rows; on the way back the slopes too.
extern "C" double softmax(Softmax* all, Run run) {
  pack_x(*all);
  run(raised_of, all, (int)all->threads);
  join_figures(*all);
  const double nats = nats_of(*all);
  if (all->back) {
    run(back_of, all, (int)all->threads);
    run(join_piles, all, (int)all->threads);
  }
  return nats;
}
