// lstm_layer_norm_stored: one step forward and one step back, carried through time.
// Emitted by Cellwright; do not edit.
// graph ab0f9fa7a2f709c3
//
// v_t = p_x ⊙ LN(W x_t) + b_x + p_h ⊙ LN(U h_{t-1}) + b_h
// i_t = σ(v_t⟨1/4⟩)
// f_t = σ(v_t⟨2/4⟩)
// g_t = tanh(v_t⟨3/4⟩)
// o_t = σ(v_t⟨4/4⟩)
// c_t = p_c ⊙ LN(f_t ⊙ c_{t-1} + i_t ⊙ g_t) + b_c
// h_t = o_t ⊙ tanh(c_t)

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
      store((real*)(all.scratch + row * (19 * all.H)) + unit, result[0], count);
    });
}

static void forward_1(const Forward& all, int64_t step, const Share& share, real* sums) {
  EACH_ROW(share) {
    const int64_t row = share.rows[n];
    real* const at_v3 = (real*)(all.scratch + row * (19 * all.H));
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
    real* const to_v5 = (real*)(all.scratch + row * (19 * all.H) + 4 * all.H);
    real* const to_v17 = (real*)(all.scratch + row * (19 * all.H) + 8 * all.H);
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
    if (all.keep) *(all.kept + (step * all.B + row) * (9 * all.H + 3)) = v10[0];
    const V v20 = v19 + splat((real)1e-05);
    const V v21 = sqrt_(v20);
    if (all.keep) *(all.kept + (step * all.B + row) * (9 * all.H + 3) + 4 * all.H + 1) = v21[0];
    real* const at_v5 = (real*)(all.scratch + row * (19 * all.H) + 4 * all.H);
    real* const to_v11 = (real*)(all.kept + (step * all.B + row) * (9 * all.H + 3) + 1);
    real* const at_p_h = (real*)(all.p_h);
    real* const at_v17 = (real*)(all.scratch + row * (19 * all.H) + 8 * all.H);
    real* const to_v22 = (real*)(all.feed_0 + ((step & all.window) * all.B + row) * (4 * all.H));
    real* const at_p_x = (real*)(all.p_x);
    real* const at_b_x = (real*)(all.b_x);
    real* const at_b_h = (real*)(all.b_h);
    real* const to_v = (real*)(all.scratch + row * (19 * all.H) + 12 * all.H);
    each_vector(4 * all.H, [&](int64_t unit, auto count) {
      const V v5 = load(at_v5 + unit, count);
      const V v11 = v5 / v10;
      if (all.keep) store(to_v11 + unit, v11, count);
      const V p_h = load(at_p_h + unit, count);
      const V v17 = load(at_v17 + unit, count);
      const V v22 = v17 / v21;
      if (all.keep) store(to_v22 + unit, v22, count);
      const V p_x = load(at_p_x + unit, count);
      const V b_x = load(at_b_x + unit, count);
      const V b_h = load(at_b_h + unit, count);
      const V v = (((p_x * v22) + b_x) + b_h) + (p_h * v11);
      store(to_v + unit, v, count);
    });
    real* const at_v29 = (real*)(all.scratch + row * (19 * all.H) + 12 * all.H + 0);
    real* const to_i = (real*)(all.kept + (step * all.B + row) * (9 * all.H + 3) + 4 * all.H + 2);
    real* const at_v31 = (real*)(all.scratch + row * (19 * all.H) + 12 * all.H + all.H);
    real* const to_f = (real*)(all.kept + (step * all.B + row) * (9 * all.H + 3) + 5 * all.H + 2);
    real* const at_v33 = (real*)(all.scratch + row * (19 * all.H) + 12 * all.H + 2 * all.H);
    real* const to_g = (real*)(all.kept + (step * all.B + row) * (9 * all.H + 3) + 6 * all.H + 2);
    real* const at_v35 = (real*)(all.scratch + row * (19 * all.H) + 12 * all.H + 3 * all.H);
    real* const to_o = (real*)(all.kept + (step * all.B + row) * (9 * all.H + 3) + 7 * all.H + 2);
    real* const to_o_2 = (real*)(all.scratch + row * (19 * all.H) + 16 * all.H);
    real* const at_c_prev = (real*)(before(all, all.c, all.c_0, all.c_fresh, step, row, all.H, all.ring));
    real* const to_v39 = (real*)(all.scratch + row * (19 * all.H) + 17 * all.H);
    V fold_40 = splat(0);
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V v29 = load(at_v29 + unit, count);
      const V i = sigmoid_(v29);
      if (all.keep) store(to_i + unit, i, count);
      const V v31 = load(at_v31 + unit, count);
      const V f = sigmoid_(v31);
      if (all.keep) store(to_f + unit, f, count);
      const V v33 = load(at_v33 + unit, count);
      const V g = tanh_(v33);
      if (all.keep) store(to_g + unit, g, count);
      const V v35 = load(at_v35 + unit, count);
      const V o = sigmoid_(v35);
      if (all.keep) store(to_o + unit, o, count);
      store(to_o_2 + unit, o, count);
      const V c_prev = load(at_c_prev + unit, count);
      const V v39 = (f * c_prev) + (i * g);
      store(to_v39 + unit, v39, count);
      fold_40 = fold_40 + only(v39, count, 0);
    });
    const V v40 = splat(total(fold_40) / (real)(all.H));
    real* const at_v39 = (real*)(all.scratch + row * (19 * all.H) + 17 * all.H);
    real* const to_v41 = (real*)(all.scratch + row * (19 * all.H) + 18 * all.H);
    V fold_43 = splat(0);
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V v39 = load(at_v39 + unit, count);
      const V v41 = v39 - v40;
      store(to_v41 + unit, v41, count);
      fold_43 = fold_43 + only((v41 * v41), count, 0);
    });
    const V v43 = splat(total(fold_43) / (real)(all.H));
    const V v44 = v43 + splat((real)1e-05);
    const V v45 = sqrt_(v44);
    if (all.keep) *(all.kept + (step * all.B + row) * (9 * all.H + 3) + 8 * all.H + 2) = v45[0];
    real* const at_v41 = (real*)(all.scratch + row * (19 * all.H) + 18 * all.H);
    real* const to_v46 = (real*)(all.kept + (step * all.B + row) * (9 * all.H + 3) + 8 * all.H + 3);
    real* const at_p_c = (real*)(all.p_c);
    real* const at_b_c = (real*)(all.b_c);
    real* const to_c = (real*)(all.c + ((step & all.ring) * all.B + row) * (all.H));
    real* const at_o = (real*)(all.scratch + row * (19 * all.H) + 16 * all.H);
    real* const to_h = (real*)(all.h + (step * all.B + row) * (all.H));
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V v41 = load(at_v41 + unit, count);
      const V v46 = v41 / v45;
      if (all.keep) store(to_v46 + unit, v46, count);
      const V p_c = load(at_p_c + unit, count);
      const V b_c = load(at_b_c + unit, count);
      const V c = b_c + (p_c * v46);
      store(to_c + unit, c, count);
      const V o = load(at_o + unit, count);
      const V h = o * tanh_(c);
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
    real* const at_c = (real*)(all.c + ((step & all.ring) * all.B + row) * (all.H));
    real* const at_dh_next = (real*)(all.carry_h + ((step & 1) * all.B + row) * (all.H));
    real* const at_dy = (real*)(all.dy + (step * all.B + row) * (all.H));
    real* const at_o = (real*)(all.kept + (step * all.B + row) * (9 * all.H + 3) + 7 * all.H + 2);
    real* const at_dc_next = (real*)(all.carry_c + ((step & 1) * all.B + row) * (all.H));
    real* const at_kept_46 = (real*)(all.kept + (step * all.B + row) * (9 * all.H + 3) + 8 * all.H + 3);
    real* const at_p_c = (real*)(all.p_c);
    real* const to_v29 = (real*)(all.scratch + row * (32 * all.H));
    real* const to_v43 = (real*)(all.scratch + row * (32 * all.H) + all.H);
    real* const at_g = (real*)(all.kept + (step * all.B + row) * (9 * all.H + 3) + 6 * all.H + 2);
    real* const to_v46 = (real*)(all.scratch + row * (32 * all.H) + 6 * all.H);
    real* const at_f = (real*)(all.kept + (step * all.B + row) * (9 * all.H + 3) + 5 * all.H + 2);
    real* const to_v50 = (real*)(all.scratch + row * (32 * all.H) + 12 * all.H);
    real* const at_i = (real*)(all.kept + (step * all.B + row) * (9 * all.H + 3) + 4 * all.H + 2);
    real* const to_v54 = (real*)(all.scratch + row * (32 * all.H) + 18 * all.H);
    V fold_31 = splat(0);
    V fold_33 = splat(0);
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V c = load(at_c + unit, count);
      const V v16 = tanh_(c);
      const V dh_next = load(at_dh_next + unit, count);
      const V dy = load(at_dy + unit, count);
      const V v19 = dh_next + dy;
      const V do_ = v19 * v16;
      const V o = load(at_o + unit, count);
      const V dc_next = load(at_dc_next + unit, count);
      const V dc_ = dc_next + ((v19 * o) * (1 - (v16 * v16)));
      collect(sums + 17 * all.H + unit, dc_, count);
      const V kept_46 = load(at_kept_46 + unit, count);
      const V dp_c = dc_ * kept_46;
      collect(sums + 16 * all.H + unit, dp_c, count);
      const V p_c = load(at_p_c + unit, count);
      const V v29 = dc_ * p_c;
      store(to_v29 + unit, v29, count);
      fold_31 = fold_31 + only((v29 * kept_46), count, 0);
      fold_33 = fold_33 + only(v29, count, 0);
      const V v43 = do_ * (o * (1 - o));
      store(to_v43 + unit, v43, count);
      const V g = load(at_g + unit, count);
      const V v46 = 1 - (g * g);
      store(to_v46 + unit, v46, count);
      const V f = load(at_f + unit, count);
      const V v50 = f * (1 - f);
      store(to_v50 + unit, v50, count);
      const V i = load(at_i + unit, count);
      const V v54 = i * (1 - i);
      store(to_v54 + unit, v54, count);
    });
    const V v31 = splat(total(fold_31) / (real)(all.H));
    const V v33 = splat(total(fold_33) / (real)(all.H));
    {
      real* to = (real*)(all.scratch + row * (32 * all.H) + 2 * all.H);
      memset(to, 0, (4 * all.H) * sizeof(real));
      memcpy(to + 3 * all.H, all.scratch + row * (32 * all.H) + all.H,
             (all.H) * sizeof(real));
    }
    real* const at_v29 = (real*)(all.scratch + row * (32 * all.H));
    real* const at_kept_45 = (real*)(all.kept + (step * all.B + row) * (9 * all.H + 3) + 8 * all.H + 2);
    real* const at_c_prev = (real*)(before(all, all.c, all.c_0, all.c_fresh, step, row, all.H, all.ring));
    real* const to_dc_prev_ = (real*)(all.carry_c + (((step + 1) & 1) * all.B + row) * (all.H));
    real* const at_v46 = (real*)(all.scratch + row * (32 * all.H) + 6 * all.H);
    real* const to_v47 = (real*)(all.scratch + row * (32 * all.H) + 7 * all.H);
    real* const at_v50 = (real*)(all.scratch + row * (32 * all.H) + 12 * all.H);
    real* const to_v51 = (real*)(all.scratch + row * (32 * all.H) + 13 * all.H);
    real* const at_v54 = (real*)(all.scratch + row * (32 * all.H) + 18 * all.H);
    real* const to_v55 = (real*)(all.scratch + row * (32 * all.H) + 19 * all.H);
    each_vector(all.H, [&](int64_t unit, auto count) {
      const V kept_46 = load(at_kept_46 + unit, count);
      const V v29 = load(at_v29 + unit, count);
      const V kept_45 = splat(*at_kept_45);
      const V v36 = ((v29 - v33) - (kept_46 * v31)) / kept_45;
      const V g = load(at_g + unit, count);
      const V di_ = v36 * g;
      const V i = load(at_i + unit, count);
      const V dg_ = v36 * i;
      const V c_prev = load(at_c_prev + unit, count);
      const V df_ = v36 * c_prev;
      const V f = load(at_f + unit, count);
      const V dc_prev_ = v36 * f;
      store(to_dc_prev_ + unit, dc_prev_, count);
      const V v46 = load(at_v46 + unit, count);
      const V v47 = dg_ * v46;
      store(to_v47 + unit, v47, count);
      const V v50 = load(at_v50 + unit, count);
      const V v51 = df_ * v50;
      store(to_v51 + unit, v51, count);
      const V v54 = load(at_v54 + unit, count);
      const V v55 = di_ * v54;
      store(to_v55 + unit, v55, count);
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
    real* const at_v44 = (real*)(all.scratch + row * (32 * all.H) + 2 * all.H);
    real* const at_v48 = (real*)(all.scratch + row * (32 * all.H) + 8 * all.H);
    real* const at_v52 = (real*)(all.scratch + row * (32 * all.H) + 14 * all.H);
    real* const at_v56 = (real*)(all.scratch + row * (32 * all.H) + 20 * all.H);
    real* const at_kept_22 = (real*)(all.feed_0 + (step * all.B + row) * (4 * all.H));
    real* const at_p_x = (real*)(all.p_x);
    real* const to_v61 = (real*)(all.scratch + row * (32 * all.H) + 24 * all.H);
    real* const at_kept_11 = (real*)(all.kept + (step * all.B + row) * (9 * all.H + 3) + 1);
    real* const at_p_h = (real*)(all.p_h);
    real* const to_v70 = (real*)(all.scratch + row * (32 * all.H) + 28 * all.H);
    V fold_63 = splat(0);
    V fold_65 = splat(0);
    V fold_72 = splat(0);
    V fold_74 = splat(0);
    each_vector(4 * all.H, [&](int64_t unit, auto count) {
      const V v44 = load(at_v44 + unit, count);
      const V v48 = load(at_v48 + unit, count);
      const V v52 = load(at_v52 + unit, count);
      const V v56 = load(at_v56 + unit, count);
      const V dv_ = ((v44 + v48) + v52) + v56;
      collect(sums + 8 * all.H + unit, dv_, count);
      collect(sums + 12 * all.H + unit, dv_, count);
      const V kept_22 = load(at_kept_22 + unit, count);
      const V dp_x = dv_ * kept_22;
      collect(sums + 4 * all.H + unit, dp_x, count);
      const V p_x = load(at_p_x + unit, count);
      const V v61 = dv_ * p_x;
      store(to_v61 + unit, v61, count);
      fold_63 = fold_63 + only((v61 * kept_22), count, 0);
      fold_65 = fold_65 + only(v61, count, 0);
      const V kept_11 = load(at_kept_11 + unit, count);
      const V dp_h = dv_ * kept_11;
      collect(sums + 0 + unit, dp_h, count);
      const V p_h = load(at_p_h + unit, count);
      const V v70 = dv_ * p_h;
      store(to_v70 + unit, v70, count);
      fold_72 = fold_72 + only((v70 * kept_11), count, 0);
      fold_74 = fold_74 + only(v70, count, 0);
    });
    const V v63 = splat(total(fold_63) / (real)(4 * all.H));
    const V v65 = splat(total(fold_65) / (real)(4 * all.H));
    const V v72 = splat(total(fold_72) / (real)(4 * all.H));
    const V v74 = splat(total(fold_74) / (real)(4 * all.H));
    real* const at_v61 = (real*)(all.scratch + row * (32 * all.H) + 24 * all.H);
    real* const at_kept_21 = (real*)(all.kept + (step * all.B + row) * (9 * all.H + 3) + 4 * all.H + 1);
    real* const to_dW_x = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (8 * all.H));
    real* const at_v70 = (real*)(all.scratch + row * (32 * all.H) + 28 * all.H);
    real* const at_kept_10 = (real*)(all.kept + (step * all.B + row) * (9 * all.H + 3));
    real* const to_v77 = (real*)(all.d + ((step & (all.chunk - 1)) * all.B + row) * (8 * all.H) + 4 * all.H);
    each_vector(4 * all.H, [&](int64_t unit, auto count) {
      const V kept_22 = load(at_kept_22 + unit, count);
      const V v61 = load(at_v61 + unit, count);
      const V kept_21 = splat(*at_kept_21);
      const V dW_x = ((v61 - v65) - (kept_22 * v63)) / kept_21;
      store(to_dW_x + unit, dW_x, count);
      const V kept_11 = load(at_kept_11 + unit, count);
      const V v70 = load(at_v70 + unit, count);
      const V kept_10 = splat(*at_kept_10);
      const V v77 = ((v70 - v74) - (kept_11 * v72)) / kept_10;
      store(to_v77 + unit, v77, count);
    });
  }
}

static void backward_1(const Backward& all, int64_t step, const Share& share, real* sums) {
  const int64_t widths_0[] = {4 * all.H};
  product<1>(all.panel_0, 1, all.H, widths_0, share,
    [&](int term, int64_t row) -> const real* { return (all.d + ((step & (all.chunk - 1)) * all.B + row) * (8 * all.H) + 4 * all.H); },
    [&](int64_t row, int64_t unit, auto count, const V* result) {
      real* const to_v80 = (real*)(all.carry_h + (((step + 1) & 1) * all.B + row) * (all.H));
      const V v80 = result[0];
      store(to_v80 + unit, v80, count);
    });
}
