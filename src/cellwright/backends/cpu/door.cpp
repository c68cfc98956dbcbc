// The way in from Python, follows chain.cpp: door(x, out, rows) takes one step and returns y, of x's kind.
//
// A door takes what needs no thought: a NumPy array, a CPU tensor or a list of the right shape, float32 or float64;
// weights that are as they were when they were packed; rows that are there, each once. For anything else it answers
// NotImplemented and has done nothing.
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdlib.h>
#include <structmember.h>

// DLPack's table of functions, version 1 (the data interchange of tensor libraries): how a tensor is looked into
// and how one is made around memory of ours, without a library of torch's.
struct Version { uint32_t major, minor; };
struct Device { int32_t type, id; };
struct Type { uint8_t code, bits; uint16_t lanes; };
struct View {
  void* data;
  Device device;
  int32_t ndim;
  Type type;
  int64_t* shape;
  int64_t* strides;
  uint64_t offset;
};
struct Managed {
  Version version;
  void* context;
  void (*deleter)(Managed* self);
  uint64_t flags;
  View view;
};
struct Exchange {
  Version version;
  void* older;
  void* allocate;
  void* give;
  int (*take)(Managed* tensor, void** object);
  int (*look)(void* object, View* view);
};
enum { CPU = 1, INTEGER = 0, FLOAT = 2, BOOLEAN = 6, ALIGNED = 64, RELEASED = 1 << 16 };

typedef int64_t (*Count)(void* const* inner);

struct Door {
  PyObject_HEAD
  vectorcallfunc call;
  Chain* chain;
  int64_t ndim, rows, x_width, y_width, size, finite;
  PyObject* kept;  // all below, and what the chain points to
  PyObject* tensor;
  PyObject* array;
  PyObject* empty;
  PyObject* shape;
  PyObject* dtype;
  const Exchange* exchange;
  PyObject* watched;  // the tensors, the dictionaries they are kept in, their names there
  PyObject* homes;
  PyObject* names;
  Py_ssize_t counted;  // the first so many count how often they were written to: torch's `_version`
  Count count;         // read by torch's own function where it could be found, else by the attribute
  PyObject* attribute;
  void** inner;
  int64_t* version;
  void* first;
  char* staging;    // an input brought to the chain's type
  int64_t* chosen;  // the rows of a push, and for each stream the number of the last push that chose it
  int64_t* chosen_by;
  int64_t turn;
};

// The shape of an input or an output: [width], or [rows, width] where ndim is 2.
struct Shape {
  int64_t ndim, rows, width;
};

// What an array or a tensor holds: contiguous numbers of some type, `code` as in DLPack. `data` is 0 for what is neither.
static char nothing[1];  // what an empty one holds
struct Held {
  char* data;
  int64_t ndim, shape[2];
  uint8_t code, bits;
};

static bool contiguous(const Held& held, const int64_t* strides, int64_t unit) {
  if (!strides) return true;
  const int64_t last = held.ndim - 1;
  if (held.ndim && strides[last] != unit && held.shape[last] != 1) return false;
  return held.ndim < 2 || held.shape[0] == 1 || strides[0] == held.shape[1] * unit;
}

static Held held_by_array(PyObject* object, bool written) {
  Held held = {};
  Py_buffer buffer;
  const int flags = PyBUF_STRIDES | PyBUF_FORMAT | (written ? PyBUF_WRITABLE : 0);
  if (PyObject_GetBuffer(object, &buffer, flags) != 0) return PyErr_Clear(), held;
  const char format = buffer.format[1] ? 0 : buffer.format[0];
  held.code = format == 'f' || format == 'd' ? FLOAT : format == '?' ? BOOLEAN : INTEGER;
  held.bits = held.code == FLOAT || format == '?' || format == 'l' || format == 'q' ? (uint8_t)(buffer.itemsize * 8) : 0;
  if (buffer.ndim <= 2) {
    int64_t strides[2];
    held.ndim = buffer.ndim;
    for (int k = 0; k < buffer.ndim; k++) held.shape[k] = buffer.shape[k], strides[k] = buffer.strides[k];
    if (contiguous(held, strides, buffer.itemsize)) held.data = buffer.buf ? (char*)buffer.buf : nothing;
  }
  PyBuffer_Release(&buffer);  // the caller holds the array, and holds still
  return held;
}

static Held held_by_tensor(const Exchange* exchange, PyObject* object) {
  Held held = {};
  View view;
  if (exchange->look(object, &view) != 0) return PyErr_Clear(), held;
  held.code = view.type.code, held.bits = view.type.lanes == 1 ? view.type.bits : 0, held.ndim = view.ndim;
  if (view.device.type != CPU || view.ndim > 2) return held;
  for (int k = 0; k < view.ndim; k++) held.shape[k] = view.shape[k];
  if (contiguous(held, view.strides, 1)) held.data = view.data ? (char*)view.data + view.offset : nothing;
  return held;
}

static Held held_by(const Door* door, PyObject* object, bool written) {
  if ((PyObject*)Py_TYPE(object) == door->array) return held_by_array(object, written);
  if ((PyObject*)Py_TYPE(object) == door->tensor && door->exchange) return held_by_tensor(door->exchange, object);
  return {};
}

static bool fits(const Held& held, const Shape& wanted) {
  if (!held.data || held.code != FLOAT || held.ndim != wanted.ndim) return false;
  return held.shape[held.ndim - 1] == wanted.width && (held.ndim == 1 || held.shape[0] == wanted.rows);
}

template <class To, class From> static void convert(void* to, const void* from, int64_t count) {
  for (int64_t k = 0; k < count; k++) ((To*)to)[k] = (To)((const From*)from)[k];
}

// A list of numbers, brought to the chain's type.
static bool from_list(const Door* door, PyObject* list, const Shape& wanted) {
  if (wanted.ndim != 1 || PyList_GET_SIZE(list) != wanted.width) return false;
  for (int64_t k = 0; k < wanted.width; k++) {
    PyObject* number = PyList_GET_ITEM(list, k);
    if (!PyFloat_CheckExact(number) && !PyLong_CheckExact(number)) return false;
    const double value = PyFloat_AsDouble(number);
    if (value == -1 && PyErr_Occurred()) return PyErr_Clear(), false;
    if (door->size == 4) ((float*)door->staging)[k] = (float)value;
    else ((double*)door->staging)[k] = value;
  }
  return true;
}

// The numbers of an input in the chain's type; 0, without an error, for what does not fit.
static const char* input_of(const Door* door, PyObject* object, const Shape& wanted) {
  if (PyList_CheckExact(object)) return from_list(door, object, wanted) ? door->staging : nullptr;
  const Held held = held_by(door, object, false);
  if (!fits(held, wanted)) return nullptr;
  if (held.bits == door->size * 8) return held.data;
  const int64_t count = wanted.rows * wanted.width;
  if (held.bits == 64) convert<float, double>(door->staging, held.data, count);
  else if (held.bits == 32) convert<double, float>(door->staging, held.data, count);
  else return nullptr;
  return door->staging;
}

// Whether all numbers of an input are finite: x - x is 0 then, and NaN otherwise.
static bool all_finite(const Door* door, const char* input, int64_t count) {
  double off = 0;
  for (int64_t k = 0; k < count; k++) {
    const double value = door->size == 4 ? ((const float*)input)[k] : ((const double*)input)[k];
    off += value - value;
  }
  return off == 0;
}

static bool choose(Door* door, int64_t* count, int64_t row) {
  if (row < 0) row += door->rows;
  if (row < 0 || row >= door->rows || door->chosen_by[row] == door->turn) return false;
  door->chosen_by[row] = door->turn;
  door->chosen[(*count)++] = row;
  return true;
}

// Which streams take part, by an index, several or a mask: the shape of the input, its rows in door->chosen. False for
// what is none of these.
static bool choose_all(Door* door, PyObject* rows, Shape* shape) {
  if (door->ndim != 2) return false;
  door->turn++;
  *shape = {2, 0, door->x_width};
  if (PyLong_CheckExact(rows)) {
    const long long row = PyLong_AsLongLong(rows);
    if (row == -1 && PyErr_Occurred()) return PyErr_Clear(), false;
    shape->ndim = 1;
    return choose(door, &shape->rows, row);
  }
  if (PyList_CheckExact(rows)) {
    for (Py_ssize_t k = 0; k < PyList_GET_SIZE(rows); k++) {
      PyObject* index = PyList_GET_ITEM(rows, k);
      if (!PyLong_CheckExact(index)) return false;
      const long long row = PyLong_AsLongLong(index);
      if (row == -1 && PyErr_Occurred()) return PyErr_Clear(), false;
      if (!choose(door, &shape->rows, row)) return false;
    }
    return true;
  }
  const Held held = held_by(door, rows, false);
  if (!held.data || held.ndim != 1) return false;
  if (held.code == BOOLEAN && held.bits == 8 && held.shape[0] == door->rows) {
    for (int64_t k = 0; k < door->rows; k++)
      if (held.data[k]) door->chosen[shape->rows++] = k;
    return true;
  }
  if (held.code != INTEGER || held.bits != 64) return false;
  for (int64_t k = 0; k < held.shape[0]; k++)
    if (!choose(door, &shape->rows, ((const int64_t*)held.data)[k])) return false;
  return true;
}

// How often a weight was written to; -1, without an error, where it does not tell.
static int64_t version_of(const Door* door, Py_ssize_t k) {
  if (door->count) return door->count(door->inner + k);
  PyObject* weight = PyTuple_GET_ITEM(door->watched, k);
  PyObject* version = Py_TYPE(door->attribute)->tp_descr_get(door->attribute, weight, (PyObject*)Py_TYPE(weight));
  const int64_t found = version ? PyLong_AsLongLong(version) : -1;
  Py_XDECREF(version);
  if (PyErr_Occurred()) PyErr_Clear();
  return found;
}

// Whether a weight was written to or replaced since the weights were packed, or all were moved.
static bool changed(const Door* door) {
  const Py_ssize_t count = PyTuple_GET_SIZE(door->watched);
  for (Py_ssize_t k = 0; k < door->counted; k++)
    if (version_of(door, k) != door->version[k]) return true;
  for (Py_ssize_t k = 0; k < count; k++) {
    PyObject* kept = PyDict_GetItem(PyTuple_GET_ITEM(door->homes, k), PyTuple_GET_ITEM(door->names, k));
    if (kept != PyTuple_GET_ITEM(door->watched, k)) return true;
  }
  View view;
  if (!door->exchange || !count) return false;
  if (door->exchange->look(PyTuple_GET_ITEM(door->watched, 0), &view) != 0) return PyErr_Clear(), true;
  return view.data != door->first || view.type.bits != door->size * 8;
}

struct Owned {
  Managed managed;
  int64_t shape[2], strides[2];
};
static void let_go(Managed* self) { free(self); }

// A new tensor around memory of ours.
static PyObject* new_tensor(const Door* door, const Shape& shape, char** data) {
  const size_t head = (sizeof(Owned) + ALIGNED - 1) / ALIGNED * ALIGNED;
  const size_t bytes = head + (shape.rows * shape.width * door->size + ALIGNED - 1) / ALIGNED * ALIGNED;
  void* memory;
  if (posix_memalign(&memory, ALIGNED, bytes) != 0) return PyErr_NoMemory();
  Owned* owned = (Owned*)memory;
  memset(owned, 0, sizeof(Owned));
  *data = (char*)memory + head;
  const bool wide = shape.ndim == 2;
  owned->shape[0] = wide ? shape.rows : shape.width, owned->shape[1] = shape.width;
  owned->strides[0] = wide ? shape.width : 1, owned->strides[1] = 1;
  const Type type = {FLOAT, (uint8_t)(door->size * 8), 1};
  owned->managed = {door->exchange->version, owned, let_go, 0,
                    {*data, {CPU, 0}, (int32_t)shape.ndim, type, owned->shape, owned->strides, 0}};
  void* made = nullptr;
  if (door->exchange->take(&owned->managed, &made) != 0) return nullptr;
  return (PyObject*)made;
}

static PyObject* new_array(const Door* door, const Shape& shape, char** data) {
  const bool usual = shape.ndim == door->ndim && shape.rows == door->rows;
  PyObject* wanted = usual            ? Py_NewRef(door->shape)
                     : shape.ndim == 2 ? Py_BuildValue("LL", (long long)shape.rows, (long long)shape.width)
                                       : Py_BuildValue("(L)", (long long)shape.width);
  if (!wanted) return nullptr;
  PyObject* arguments[] = {wanted, door->dtype};
  PyObject* made = PyObject_Vectorcall(door->empty, arguments, 2, nullptr);
  Py_DECREF(wanted);
  if (made && !(*data = held_by_array(made, true).data)) {
    Py_DECREF(made);
    PyErr_SetString(PyExc_SystemError, "a new array is not as it was asked for");
    return nullptr;
  }
  return made;
}

// Where the output goes: `out`, or something new of x's kind. 0 without an error where it does not fit.
static PyObject* output_of(const Door* door, PyObject* x, PyObject* out, const Shape& shape, char** y) {
  if (out != Py_None) {
    const Held held = held_by(door, out, true);
    if (!fits(held, shape) || held.bits != door->size * 8) return nullptr;
    *y = held.data;
    return Py_NewRef(out);
  }
  if ((PyObject*)Py_TYPE(x) == door->array) return new_array(door, shape, y);
  return door->exchange ? new_tensor(door, shape, y) : nullptr;
}

// The step itself, while no other thread is at it; 0 without an error where there is more to do.
static PyObject* pushed(Door* door, PyObject* x, PyObject* out, PyObject* rows) {
  Chain* chain = door->chain;
  Shape in = {door->ndim, door->rows, door->x_width};
  if (rows != Py_None && !choose_all(door, rows, &in)) return nullptr;
  const int64_t* chosen = rows == Py_None ? nullptr : door->chosen;
  const char* input = input_of(door, x, in);
  if (!input || changed(door)) return nullptr;
  if (door->finite && !all_finite(door, input, in.rows * in.width)) return nullptr;
  char* y = nullptr;
  const Shape shape = {in.ndim, in.rows, door->y_width};
  PyObject* answer = output_of(door, x, out, shape, &y);
  if (!answer) return nullptr;
  if (y < input + in.rows * chain->input_bytes[0] && input < y + in.rows * chain->y_bytes) {
    Py_DECREF(answer);  // an output over its input: the slow way copies first
    return nullptr;
  }
  if (chain->work < RELEASED) {
    push_rows(chain, &input, y, chosen, in.rows);
  } else {
    Py_BEGIN_ALLOW_THREADS
    push_rows(chain, &input, y, chosen, in.rows);
    Py_END_ALLOW_THREADS
  }
  return answer;
}

static PyObject* door_call(PyObject* self, PyObject* const* given, size_t counted, PyObject*) {
  Door* door = (Door*)self;
  const Py_ssize_t count = PyVectorcall_NARGS(counted);
  if (count < 1 || !claim(door->chain)) Py_RETURN_NOTIMPLEMENTED;
  PyObject* answer = pushed(door, given[0], count > 1 ? given[1] : Py_None, count > 2 ? given[2] : Py_None);
  release(door->chain);
  if (answer || PyErr_Occurred()) return answer;
  Py_RETURN_NOTIMPLEMENTED;
}

static void door_free(PyObject* self) {
  Door* door = (Door*)self;
  PyTypeObject* type = Py_TYPE(self);
  Py_XDECREF(door->kept);
  free(door->version);
  free(door->inner);
  free(door->staging);
  free(door->chosen);
  free(door->chosen_by);
  type->tp_free(self);
  Py_DECREF(type);
}

static PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Door, call), READONLY, nullptr}, {nullptr}};
static PyType_Slot slots[] = {{Py_tp_dealloc, (void*)door_free}, {Py_tp_call, (void*)PyVectorcall_Call},
                              {Py_tp_members, members}, {0, nullptr}};
static PyType_Spec spec = {"cellwright.Door", sizeof(Door), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL, slots};

// A door to a chain; the arguments are those of door.py.
extern "C" PyObject* make_door(PyObject* arguments) {
  static PyObject* type = nullptr;
  if (!type && !(type = PyType_FromSpec(&spec))) return nullptr;
  long long chain, count, ndim, rows, x_width, y_width, size, finite, counted;
  PyObject *kept, *tensor, *array, *empty, *shape, *dtype, *attribute, *exchange, *watched, *homes, *names, *inner;
  if (!PyArg_ParseTuple(arguments, "LLLLLLLLLOOOOOOOOO!O!O!O!", &chain, &count, &ndim, &rows, &x_width, &y_width, &size,
                        &finite, &counted, &kept, &tensor, &array, &empty, &shape, &dtype, &attribute, &exchange, &PyTuple_Type,
                        &watched, &PyTuple_Type, &homes, &PyTuple_Type, &names, &PyTuple_Type, &inner))
    return nullptr;
  Door* door = PyObject_New(Door, (PyTypeObject*)type);
  if (!door) return nullptr;
  door->call = door_call, door->chain = (Chain*)chain, door->ndim = ndim, door->rows = rows, door->size = size;
  door->x_width = x_width, door->y_width = y_width, door->finite = finite;
  door->kept = Py_NewRef(arguments), door->tensor = tensor, door->array = array, door->empty = empty;
  door->shape = shape, door->dtype = dtype, door->watched = watched, door->homes = homes, door->names = names;
  door->count = (Count)count, door->counted = (Py_ssize_t)counted, door->attribute = attribute;
  door->exchange = nullptr, door->first = nullptr, door->turn = 0;
  door->version = (int64_t*)calloc(counted + 1, sizeof(int64_t));
  door->inner = (void**)calloc(counted + 1, sizeof(void*));
  door->staging = (char*)calloc(rows * x_width + 1, size);
  door->chosen = (int64_t*)calloc(rows, sizeof(int64_t));
  door->chosen_by = (int64_t*)calloc(rows, sizeof(int64_t));
  if (!door->version || !door->inner || !door->staging || !door->chosen || !door->chosen_by) {
    Py_DECREF(door);
    return PyErr_NoMemory();
  }
  if (exchange != Py_None) door->exchange = (const Exchange*)PyCapsule_GetPointer(exchange, "dlpack_exchange_api");
  for (Py_ssize_t k = 0; k < door->counted && !PyErr_Occurred(); k++) {
    door->inner[k] = PyLong_AsVoidPtr(PyTuple_GET_ITEM(inner, k));
    door->version[k] = version_of(door, k);
  }
  View view;
  if (!PyErr_Occurred() && door->exchange && PyTuple_GET_SIZE(watched) &&
      door->exchange->look(PyTuple_GET_ITEM(watched, 0), &view) == 0)
    door->first = view.data;
  if (PyErr_Occurred()) {
    Py_DECREF(door);
    return nullptr;
  }
  return (PyObject*)door;
}
