// lstm_layer_norm: one step forward and one step back, carried through time.
// Emitted by Cellwright; do not edit.
// graph ef2757be0f1cb7ea
//
// v_t = p_x ⊙ LN(W x_t) + p_h ⊙ LN(U h_{t-1})
// i_t = σ(v_t⟨1/4⟩ + b_i)
// f_t = σ(v_t⟨2/4⟩ + b_f)
// g_t = tanh(v_t⟨3/4⟩ + b_g)
// o_t = σ(v_t⟨4/4⟩ + b_o)
// c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t
// h_t = o_t ⊙ tanh(p_c ⊙ LN(c_t) + b_c)

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
    const real* const biases[] = {0};
    const int64_t units[] = {4 * all.H};
    const int64_t offsets[] = {0};
    for (int k = 0; k < 1; k++)
      product<1>(panels[k], 1, units[k], widths, share,
        [&](int term, int64_t row) -> const real* { return all.operand_0 + (first * all.B + row) * (all.I); },
        [&](int64_t row, int64_t unit, auto count, const V* result) {
          real* const to = all.feed_0 + ((first & all.window) * all.B + row) * (4 * all.H);
          const V bias = biases[k] ? load(biases[k] + unit, count) : (V){};
          store(to + offsets[k] + unit, result[0] + bias, count);
        });
  }
}

static void forward_0(const Forward& all, int64_t step, const Share& share, real* sums) {
  const int64_t widths_0[] = {all.H};
  product<1>(all.panel_0, 1, 4 * all.H, widths_0, share,
    [&](int term, int64_t row) -> const real* { return (before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1)); },
    [&](int64_t row, int64_t unit, auto count, const V* result) {
      store((real*)(all.scratch + row * (18 * all.H)) + unit, result[0], count);
    });
}

static void forward_1(const Forward& all, int64_t step, const Share& share, real* sums) {
  EACH_ROW(share) {
    const int64_t row = share.rows[n];
    real* const at_v3 = (real*)(all.scratch + row * (18 * all.H));
    real* const at_W_x = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (4 * all.H));
    V fold_4 = splat(0);
    V fold_16 = splat(0);
    each_vector(4 * all.H, [&](int64_t unit, auto count) {
      const V v3 = load(at_v3 + unit, count);
      fold_4 = fold_4 + only(v3, count, 0);
      const V W_x = load(at_W_x + unit, count);
      fold_16 = fold_16 + only(W_x, count, 0);
    });
    const V v4 = splat(total(fold_4) / (real)(4 * all.H));
    const V v16 = splat(total(fold_16) / (real)(4 * all.H));
    real* const to_v5 = (real*)(all.scratch + row * (18 * all.H) + 4 * all.H);
    real* const to_v17 = (real*)(all.scratch + row * (18 * all.H) + 8 * all.H);
    V fold_7 = splat(0);
    V fold_19 = splat(0);
    each_vector(4 * all.H, [&](int64_t unit, auto count) {
      const V v3 = load(at_v3 + unit, count);
      const V v5 = v3 - v4;
      store(to_v5 + unit, v5, count);
      fold_7 = fold_7 + only((v5 * v5), count, 0);
      const V W_x = load(at_W_x + unit, count);
      const V v17 = W_x - v16;
      store(to_v17 + unit, v17, count);
      fold_19 = fold_19 + only((v17 * v17), count, 0);
    });
    const V v7 = splat(total(fold_7) / (real)(4 * all.H));
    const V v19 = splat(total(fold_19) / (real)(4 * all.H));
    const V v9 = v7 + splat((real)1e-05);
    const V v10 = sqrt_(v9);
    if (all.keep) *(all.kept + (step * all.B + row) * (10 * all.H + 3)) = v10[0];
    const V v20 = v19 + splat((real)1e-05);
    const V v21 = sqrt_(v20);
    if (all.keep) *(all.kept + (step * all.B + row) * (10 * all.H + 3) + 4 * all.H + 1) = v21[0];
    real* const at_v5 = (real*)(all.scratch + row * (18 * all.H) + 4 * all.H);
    real* const to_v11 = (real*)(all.kept + (step * all.B + row) * (10 * all.H + 3) + 1);
    real* const at_p_h = (real*)(all.p_h);
    real* const at_v17 = (real*)(all.scratch + row * (18 * all.H) + 8 * all.H);
    real* const to_v22 = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (4 * all.H));
    real* const at_p_x = (real*)(all.p_x);
    real* const to_v = (real*)(all.scratch + row * (18 * all.H) + 12 * all.H);
    each_vector(4 * all.H, [&](int64_t unit, auto count) {
      const V v5 = load(at_v5 + unit, count);
      const V v11 = v5 / v10;
      if (all.keep) store(to_v11 + unit, v11, count);
      const V p_h = load(at_p_h + unit, count);
      const V v17 = load(at_v17 + unit, count);
      const V v22 = v17 / v21;
      if (all.keep) store(to_v22 + unit, v22, count);
      const V p_x = load(at_p_x + unit, count);
      const V v = (p_x * v22) + (p_h * v11);
      store(to_v + unit, v, count);
    });
    real* const at_b_i = (real*)(all.b_i);
    real* const at_v25 = (real*)(all.scratch + row * (18 * all.H) + 12 * all.H + 0);
    real* const to_i = (real*)(all.kept + (step * all.B + row) * (10 * all.H + 3) + 4 * all.H + 2);
    real* const at_b_f = (real*)(all.b_f);
    real* const at_v29 = (real*)(all.scratch + row * (18 * all.H) + 12 * all.H + all.H);
    real* const to_f = (real*)(all.kept + (step * all.B + row) * (10 * all.H + 3) + 5 * all.H + 2);
    real* const at_b_g = (real*)(all.b_g);
    real* const at_v33 = (real*)(all.scratch + row * (18 * all.H) + 12 * all.H + 2 * all.H);
    real* const to_g = (real*)(all.kept + (step * all.B + row) * (10 * all.H + 3) + 6 * all.H + 2);
    real* const at_b_o = (real*)(all.b_o);
    real* const at_v37 = (real*)(all.scratch + row * (18 * all.H) + 12 * all.H + 3 * all.H);
    real* const to_o = (real*)(all.kept + (step * all.B + row) * (10 * all.H + 3) + 7 * all.H + 2);
    real* const to_o_2 = (real*)(all.scratch + row * (18 * all.H) + 16 * all.H);
    real* const at_c_prev = (real*)(before(all, all.c, all.c_0, all.c_fresh, step, row, all.H, all.ring));
    real* const to_c = (real*)(all.c + ((step & all.ring) * all.B + row) * (all.H));
    V fold_44 = splat(0);
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V b_i = load(at_b_i + unit, count);
      const V v25 = load(at_v25 + unit, count);
      const V i = sigmoid_((b_i + v25));
      if (all.keep) store(to_i + unit, i, count);
      const V b_f = load(at_b_f + unit, count);
      const V v29 = load(at_v29 + unit, count);
      const V f = sigmoid_((b_f + v29));
      if (all.keep) store(to_f + unit, f, count);
      const V b_g = load(at_b_g + unit, count);
      const V v33 = load(at_v33 + unit, count);
      const V g = tanh_((b_g + v33));
      if (all.keep) store(to_g + unit, g, count);
      const V b_o = load(at_b_o + unit, count);
      const V v37 = load(at_v37 + unit, count);
      const V o = sigmoid_((b_o + v37));
      if (all.keep) store(to_o + unit, o, count);
      store(to_o_2 + unit, o, count);
      const V c_prev = load(at_c_prev + unit, count);
      const V c = (f * c_prev) + (i * g);
      store(to_c + unit, c, count);
      fold_44 = fold_44 + only(c, count, 0);
    });
    const V v44 = splat(total(fold_44) / (real)(all.H));
    real* const at_c = (real*)(all.c + ((step & all.ring) * all.B + row) * (all.H));
    real* const to_v45 = (real*)(all.scratch + row * (18 * all.H) + 17 * all.H);
    V fold_47 = splat(0);
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V c = load(at_c + unit, count);
      const V v45 = c - v44;
      store(to_v45 + unit, v45, count);
      fold_47 = fold_47 + only((v45 * v45), count, 0);
    });
    const V v47 = splat(total(fold_47) / (real)(all.H));
    const V v48 = v47 + splat((real)1e-05);
    const V v49 = sqrt_(v48);
    if (all.keep) *(all.kept + (step * all.B + row) * (10 * all.H + 3) + 8 * all.H + 2) = v49[0];
    real* const at_v45 = (real*)(all.scratch + row * (18 * all.H) + 17 * all.H);
    real* const to_v50 = (real*)(all.kept + (step * all.B + row) * (10 * all.H + 3) + 8 * all.H + 3);
    real* const at_p_c = (real*)(all.p_c);
    real* const at_b_c = (real*)(all.b_c);
    real* const to_v55 = (real*)(all.kept + (step * all.B + row) * (10 * all.H + 3) + 9 * all.H + 3);
    real* const at_o = (real*)(all.scratch + row * (18 * all.H) + 16 * all.H);
    real* const to_h = (real*)(all.h + (step * all.B + row) * (all.H));
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V v45 = load(at_v45 + unit, count);
      const V v50 = v45 / v49;
      if (all.keep) store(to_v50 + unit, v50, count);
      const V p_c = load(at_p_c + unit, count);
      const V b_c = load(at_b_c + unit, count);
      const V v55 = tanh_((b_c + (p_c * v50)));
      if (all.keep) store(to_v55 + unit, v55, count);
      const V o = load(at_o + unit, count);
      const V h = o * v55;
      store(to_h + unit, h, count);
    });
  }
}

static int64_t room_of(const Backward& all) {
  const int64_t mine = all.together ? all.B : (all.B + all.threads - 1) / all.threads;
  int64_t most = 0, size;
  size = rounded_size(mine, 1, deep(4 * all.H));
  if (size > most) most = size;
  size = rounded_size(mine * all.chunk, 1, deep(4 * all.H));
  if (size > most) most = size;
  size = room_size(1, 4 * all.H, all.I) * deep(mine * all.chunk);
  if (size > most) most = size;
  size = room_size(1, 4 * all.H, all.H) * deep(mine * all.chunk);
  if (size > most) most = size;
  return most;
}

static int64_t pile_of(const Backward& all) {
  return pile_size(1, 4 * all.H, all.I) + pile_size(1, 4 * all.H, all.H);
}

// The gradients that a chunk of steps adds to matrices, and those of the hoisted operands.
static void backward_products(const Backward& all, int64_t first, const Share& share,
                              int part) {
  if (all.d_operand_0) {
    const int64_t widths[] = {4 * all.H};
    product<1>(all.panel_1, 1, all.I, widths, share,
      [&](int term, int64_t row) -> const real* { return all.d + row * (8 * all.H) + (0); },
      [&](int64_t row, int64_t unit, auto count, const V* result) {
        store(all.d_operand_0 + (first * all.B + row) * (all.I) + unit, result[0], count);
      });
  }
  real* pile = all.piles + (all.together ? 0 : part * all.pile);
  if (all.outer_0)
    pile_up(share, 1, 4 * all.H, all.I,
      [&](int64_t row) -> const real* { return all.d + row * (8 * all.H) + 0; },
      [&](int64_t at) -> const real* {
        const int64_t step = first + at / all.B, row = at % all.B;
        return all.operand_0 + (step * all.B + row) * (all.I);
      }, pile);
  pile += pile_size(1, 4 * all.H, all.I);
  if (all.outer_1)
    pile_up(share, 1, 4 * all.H, all.H,
      [&](int64_t row) -> const real* { return all.d + row * (8 * all.H) + 4 * all.H; },
      [&](int64_t at) -> const real* {
        const int64_t step = first + at / all.B, row = at % all.B;
        return before(all, all.h, all.h_0, all.h_fresh, step, row, all.H, -1);
      }, pile);
  pile += pile_size(1, 4 * all.H, all.H);
}

// The gradients of the matrices, from the sums of all threads.
static void backward_sums(void* data, int part, int parts) {
  const Backward& all = *(const Backward*)data;
  const real* pile = all.piles;
  if (all.outer_0)
    from_piles(pile, all.pile, all.together ? 1 : all.threads, 1, 4 * all.H, all.I,
               all.outer_0, false, part, parts);
  pile += pile_size(1, 4 * all.H, all.I);
  if (all.outer_1)
    from_piles(pile, all.pile, all.together ? 1 : all.threads, 1, 4 * all.H, all.H,
               all.outer_1, false, part, parts);
  pile += pile_size(1, 4 * all.H, all.H);
}

static void backward_0(const Backward& all, int64_t step, const Share& share, real* sums) {
  EACH_ROW(share) {
    const int64_t row = share.rows[n];
    real* const at_dh_next = (real*)(all.carry_h + ((step & 1) * all.B + row) * (all.H));
    real* const at_dy = (real*)(all.dy + (step * all.B + row) * (all.H));
    real* const at_kept_55 = (real*)(all.kept + (step * all.B + row) * (10 * all.H + 3) + 9 * all.H + 3);
    real* const at_o = (real*)(all.kept + (step * all.B + row) * (10 * all.H + 3) + 7 * all.H + 2);
    real* const at_kept_50 = (real*)(all.kept + (step * all.B + row) * (10 * all.H + 3) + 8 * all.H + 3);
    real* const at_p_c = (real*)(all.p_c);
    real* const to_v27 = (real*)(all.scratch + row * (32 * all.H));
    real* const to_db_o = (real*)(all.scratch + row * (32 * all.H) + all.H);
    real* const at_g = (real*)(all.kept + (step * all.B + row) * (10 * all.H + 3) + 6 * all.H + 2);
    real* const to_v45 = (real*)(all.scratch + row * (32 * all.H) + 6 * all.H);
    real* const at_f = (real*)(all.kept + (step * all.B + row) * (10 * all.H + 3) + 5 * all.H + 2);
    real* const to_v49 = (real*)(all.scratch + row * (32 * all.H) + 12 * all.H);
    real* const at_i = (real*)(all.kept + (step * all.B + row) * (10 * all.H + 3) + 4 * all.H + 2);
    real* const to_v53 = (real*)(all.scratch + row * (32 * all.H) + 18 * all.H);
    V fold_29 = splat(0);
    V fold_31 = splat(0);
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V dh_next = load(at_dh_next + unit, count);
      const V dy = load(at_dy + unit, count);
      const V v18 = dh_next + dy;
      const V kept_55 = load(at_kept_55 + unit, count);
      const V do_ = v18 * kept_55;
      const V o = load(at_o + unit, count);
      const V db_c = (v18 * o) * (1 - (kept_55 * kept_55));
      collect(sums + 13 * all.H + unit, db_c, count);
      const V kept_50 = load(at_kept_50 + unit, count);
      const V dp_c = db_c * kept_50;
      collect(sums + 12 * all.H + unit, dp_c, count);
      const V p_c = load(at_p_c + unit, count);
      const V v27 = db_c * p_c;
      store(to_v27 + unit, v27, count);
      fold_29 = fold_29 + only((v27 * kept_50), count, 0);
      fold_31 = fold_31 + only(v27, count, 0);
      const V db_o = do_ * (o * (1 - o));
      store(to_db_o + unit, db_o, count);
      collect(sums + 11 * all.H + unit, db_o, count);
      const V g = load(at_g + unit, count);
      const V v45 = 1 - (g * g);
      store(to_v45 + unit, v45, count);
      const V f = load(at_f + unit, count);
      const V v49 = f * (1 - f);
      store(to_v49 + unit, v49, count);
      const V i = load(at_i + unit, count);
      const V v53 = i * (1 - i);
      store(to_v53 + unit, v53, count);
    });
    const V v29 = splat(total(fold_29) / (real)(all.H));
    const V v31 = splat(total(fold_31) / (real)(all.H));
    {
      real* to = (real*)(all.scratch + row * (32 * all.H) + 2 * all.H);
      memset(to, 0, (4 * all.H) * sizeof(real));
      memcpy(to + 3 * all.H, all.scratch + row * (32 * all.H) + all.H,
             (all.H) * sizeof(real));
    }
    real* const at_v27 = (real*)(all.scratch + row * (32 * all.H));
    real* const at_kept_49 = (real*)(all.kept + (step * all.B + row) * (10 * all.H + 3) + 8 * all.H + 2);
    real* const at_dc_next = (real*)(all.carry_c + ((step & 1) * all.B + row) * (all.H));
    real* const at_c_prev = (real*)(before(all, all.c, all.c_0, all.c_fresh, step, row, all.H, all.ring));
    real* const to_dc_prev_ = (real*)(all.carry_c + (((step + 1) & 1) * all.B + row) * (all.H));
    real* const at_v45 = (real*)(all.scratch + row * (32 * all.H) + 6 * all.H);
    real* const to_db_g = (real*)(all.scratch + row * (32 * all.H) + 7 * all.H);
    real* const at_v49 = (real*)(all.scratch + row * (32 * all.H) + 12 * all.H);
    real* const to_db_f = (real*)(all.scratch + row * (32 * all.H) + 13 * all.H);
    real* const at_v53 = (real*)(all.scratch + row * (32 * all.H) + 18 * all.H);
    real* const to_db_i = (real*)(all.scratch + row * (32 * all.H) + 19 * all.H);
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V kept_50 = load(at_kept_50 + unit, count);
      const V v27 = load(at_v27 + unit, count);
      const V kept_49 = splat(*at_kept_49);
      const V dc_next = load(at_dc_next + unit, count);
      const V dc_ = dc_next + (((v27 - v31) - (kept_50 * v29)) / kept_49);
      const V g = load(at_g + unit, count);
      const V di_ = dc_ * g;
      const V i = load(at_i + unit, count);
      const V dg_ = dc_ * i;
      const V c_prev = load(at_c_prev + unit, count);
      const V df_ = dc_ * c_prev;
      const V f = load(at_f + unit, count);
      const V dc_prev_ = dc_ * f;
      store(to_dc_prev_ + unit, dc_prev_, count);
      const V v45 = load(at_v45 + unit, count);
      const V db_g = dg_ * v45;
      store(to_db_g + unit, db_g, count);
      collect(sums + 10 * all.H + unit, db_g, count);
      const V v49 = load(at_v49 + unit, count);
      const V db_f = df_ * v49;
      store(to_db_f + unit, db_f, count);
      collect(sums + 9 * all.H + unit, db_f, count);
      const V v53 = load(at_v53 + unit, count);
      const V db_i = di_ * v53;
      store(to_db_i + unit, db_i, count);
      collect(sums + 8 * all.H + unit, db_i, count);
    });
    {
      real* to = (real*)(all.scratch + row * (32 * all.H) + 8 * all.H);
      memset(to, 0, (4 * all.H) * sizeof(real));
      memcpy(to + 2 * all.H, all.scratch + row * (32 * all.H) + 7 * all.H,
             (all.H) * sizeof(real));
    }
    {
      real* to = (real*)(all.scratch + row * (32 * all.H) + 14 * all.H);
      memset(to, 0, (4 * all.H) * sizeof(real));
      memcpy(to + all.H, all.scratch + row * (32 * all.H) + 13 * all.H,
             (all.H) * sizeof(real));
    }
    {
      real* to = (real*)(all.scratch + row * (32 * all.H) + 20 * all.H);
      memset(to, 0, (4 * all.H) * sizeof(real));
      memcpy(to + 0, all.scratch + row * (32 * all.H) + 19 * all.H,
             (all.H) * sizeof(real));
    }
    real* const at_v43 = (real*)(all.scratch + row * (32 * all.H) + 2 * all.H);
    real* const at_v47 = (real*)(all.scratch + row * (32 * all.H) + 8 * all.H);
    real* const at_v51 = (real*)(all.scratch + row * (32 * all.H) + 14 * all.H);
    real* const at_v55 = (real*)(all.scratch + row * (32 * all.H) + 20 * all.H);
    real* const at_kept_22 = (real*)(all.feed_0 + (step * all.B + row) * (4 * all.H));
    real* const at_p_x = (real*)(all.p_x);
    real* const to_v60 = (real*)(all.scratch + row * (32 * all.H) + 24 * all.H);
    real* const at_kept_11 = (real*)(all.kept + (step * all.B + row) * (10 * all.H + 3) + 1);
    real* const at_p_h = (real*)(all.p_h);
    real* const to_v69 = (real*)(all.scratch + row * (32 * all.H) + 28 * all.H);
    V fold_62 = splat(0);
    V fold_64 = splat(0);
    V fold_71 = splat(0);
    V fold_73 = splat(0);
    each_vector(4 * all.H, [&](int64_t unit, auto count) {
      const V v43 = load(at_v43 + unit, count);
      const V v47 = load(at_v47 + unit, count);
      const V v51 = load(at_v51 + unit, count);
      const V v55 = load(at_v55 + unit, count);
      const V dv_ = ((v43 + v47) + v51) + v55;
      const V kept_22 = load(at_kept_22 + unit, count);
      const V dp_x = dv_ * kept_22;
      collect(sums + 4 * all.H + unit, dp_x, count);
      const V p_x = load(at_p_x + unit, count);
      const V v60 = dv_ * p_x;
      store(to_v60 + unit, v60, count);
      fold_62 = fold_62 + only((v60 * kept_22), count, 0);
      fold_64 = fold_64 + only(v60, count, 0);
      const V kept_11 = load(at_kept_11 + unit, count);
      const V dp_h = dv_ * kept_11;
      collect(sums + 0 + unit, dp_h, count);
      const V p_h = load(at_p_h + unit, count);
      const V v69 = dv_ * p_h;
      store(to_v69 + unit, v69, count);
      fold_71 = fold_71 + only((v69 * kept_11), count, 0);
      fold_73 = fold_73 + only(v69, count, 0);
    });
    const V v62 = splat(total(fold_62) / (real)(4 * all.H));
    const V v64 = splat(total(fold_64) / (real)(4 * all.H));
    const V v71 = splat(total(fold_71) / (real)(4 * all.H));
    const V v73 = splat(total(fold_73) / (real)(4 * all.H));
    real* const at_v60 = (real*)(all.scratch + row * (32 * all.H) + 24 * all.H);
    real* const at_kept_21 = (real*)(all.kept + (step * all.B + row) * (10 * all.H + 3) + 4 * all.H + 1);
    real* const to_dW_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (8 * all.H));
    real* const at_v69 = (real*)(all.scratch + row * (32 * all.H) + 28 * all.H);
    real* const at_kept_10 = (real*)(all.kept + (step * all.B + row) * (10 * all.H + 3));
    real* const to_v76 = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (8 * all.H) + 4 * all.H);
    each_vector(4 * all.H, [&](int64_t unit, auto count) {
      const V kept_22 = load(at_kept_22 + unit, count);
      const V v60 = load(at_v60 + unit, count);
      const V kept_21 = splat(*at_kept_21);
      const V dW_x = ((v60 - v64) - (kept_22 * v62)) / kept_21;
      store(to_dW_x + unit, dW_x, count);
      const V kept_11 = load(at_kept_11 + unit, count);
      const V v69 = load(at_v69 + unit, count);
      const V kept_10 = splat(*at_kept_10);
      const V v76 = ((v69 - v73) - (kept_11 * v71)) / kept_10;
      store(to_v76 + unit, v76, count);
    });
  }
}

static void backward_1(const Backward& all, int64_t step, const Share& share, real* sums) {
  const int64_t widths_0[] = {4 * all.H};
  product<1>(all.panel_0, 1, all.H, widths_0, share,
    [&](int term, int64_t row) -> const real* { return (all.d + ((step & (all.chunk - 1)) * all.B + row) * (8 * all.H) + 4 * all.H); },
    [&](int64_t row, int64_t unit, auto count, const V* result) {
      real* const to_v79 = (real*)(all.carry_h + (((step + 1) & 1) * all.B + row) * (all.H));
      const V v79 = result[0];
      store(to_v79 + unit, v79, count);
    });
}
