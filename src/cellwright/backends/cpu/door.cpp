// The way in from Python, follows chain.cpp: door(x, out) takes one step of all rows and returns y, of x's kind.
//
// A door takes what needs no thought: a NumPy array or a CPU tensor of the right type, shape and strides, weights that
// are as they were when they were packed. For anything else it answers NotImplemented and has done nothing.
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
enum { CPU = 1, FLOAT = 2, ALIGNED = 64, RELEASED = 1 << 16 };

typedef int64_t (*Count)(void* const* inner);

struct Door {
  PyObject_HEAD
  vectorcallfunc call;
  Chain* chain;
  int64_t ndim, x_shape[2], y_shape[2], size;
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
};

static bool fits(const int64_t* shape, const int64_t* strides, int64_t ndim, const int64_t* wanted, int64_t unit) {
  for (int64_t k = 0; k < ndim; k++)
    if (shape[k] != wanted[k]) return false;
  if (!strides) return true;
  const bool rows = ndim == 1 || shape[0] == 1 || strides[0] == wanted[1] * unit;
  return rows && (strides[ndim - 1] == unit || shape[ndim - 1] == 1);
}

// The data of an array or tensor of this shape; 0, without an error, for anything else.
static char* data_of(const Door* door, PyObject* object, const int64_t* wanted, bool written) {
  if ((PyObject*)Py_TYPE(object) == door->array) {
    Py_buffer buffer;
    const int flags = PyBUF_STRIDES | PyBUF_FORMAT | (written ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(object, &buffer, flags) != 0) return PyErr_Clear(), nullptr;
    const bool same = buffer.ndim == door->ndim && buffer.format[0] == (door->size == 4 ? 'f' : 'd') && !buffer.format[1];
    int64_t shape[2], strides[2];
    for (int k = 0; same && k < buffer.ndim; k++) shape[k] = buffer.shape[k], strides[k] = buffer.strides[k];
    char* data = same && fits(shape, strides, door->ndim, wanted, door->size) ? (char*)buffer.buf : nullptr;
    PyBuffer_Release(&buffer);  // the caller holds the array, and holds still
    return data;
  }
  if ((PyObject*)Py_TYPE(object) == door->tensor && door->exchange) {
    View view;
    if (door->exchange->look(object, &view) != 0) return PyErr_Clear(), nullptr;
    const bool same = view.device.type == CPU && view.ndim == door->ndim && view.type.code == FLOAT &&
                      view.type.bits == door->size * 8 && view.type.lanes == 1;
    return same && fits(view.shape, view.strides, door->ndim, wanted, 1) ? (char*)view.data + view.offset : nullptr;
  }
  return nullptr;
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
static PyObject* new_tensor(const Door* door, char** data) {
  const int64_t rows = door->ndim == 2 ? door->y_shape[0] : 1, width = door->y_shape[door->ndim - 1];
  const size_t head = (sizeof(Owned) + ALIGNED - 1) / ALIGNED * ALIGNED;
  const size_t bytes = head + (rows * width * door->size + ALIGNED - 1) / ALIGNED * ALIGNED;
  void* memory;
  if (posix_memalign(&memory, ALIGNED, bytes) != 0) return PyErr_NoMemory();
  Owned* owned = (Owned*)memory;
  memset(owned, 0, sizeof(Owned));
  *data = (char*)memory + head;
  for (int64_t k = 0; k < door->ndim; k++) owned->shape[k] = door->y_shape[k], owned->strides[k] = 1;
  if (door->ndim == 2) owned->strides[0] = width;
  const Type type = {FLOAT, (uint8_t)(door->size * 8), 1};
  owned->managed = {door->exchange->version, owned, let_go, 0,
                    {*data, {CPU, 0}, (int32_t)door->ndim, type, owned->shape, owned->strides, 0}};
  void* made = nullptr;
  if (door->exchange->take(&owned->managed, &made) != 0) return nullptr;
  return (PyObject*)made;
}

static PyObject* new_array(const Door* door, char** data) {
  PyObject* arguments[] = {door->shape, door->dtype};
  PyObject* made = PyObject_Vectorcall(door->empty, arguments, 2, nullptr);
  if (made && !(*data = data_of(door, made, door->y_shape, true))) {
    Py_DECREF(made);
    PyErr_SetString(PyExc_SystemError, "a new array is not as it was asked for");
    return nullptr;
  }
  return made;
}

static PyObject* door_call(PyObject* self, PyObject* const* given, size_t counted, PyObject*) {
  Door* door = (Door*)self;
  Chain* chain = door->chain;
  const Py_ssize_t count = PyVectorcall_NARGS(counted);
  PyObject* out = count > 1 ? given[1] : Py_None;
  const char* x = count ? data_of(door, given[0], door->x_shape, false) : nullptr;
  if (!x || changed(door)) Py_RETURN_NOTIMPLEMENTED;
  char* y = nullptr;
  PyObject* answer;
  if (out != Py_None) {
    y = data_of(door, out, door->y_shape, true);
    const int64_t rows = door->ndim == 2 ? door->x_shape[0] : 1;
    if (!y || (y < x + rows * chain->input_bytes[0] && x < y + rows * chain->y_bytes)) Py_RETURN_NOTIMPLEMENTED;
    answer = Py_NewRef(out);
  } else {
    answer = (PyObject*)Py_TYPE(given[0]) == door->array ? new_array(door, &y) : new_tensor(door, &y);
    if (!answer) return nullptr;
  }
  const int64_t rows = door->ndim == 2 ? door->x_shape[0] : 1;
  int refused;
  if (chain->work < RELEASED) {
    refused = push_at_once(chain, &x, y, nullptr, rows);
  } else {
    Py_BEGIN_ALLOW_THREADS
    refused = push_at_once(chain, &x, y, nullptr, rows);
    Py_END_ALLOW_THREADS
  }
  if (!refused) return answer;
  Py_DECREF(answer);
  Py_RETURN_NOTIMPLEMENTED;
}

static void door_free(PyObject* self) {
  Door* door = (Door*)self;
  PyTypeObject* type = Py_TYPE(self);
  Py_XDECREF(door->kept);
  free(door->version);
  free(door->inner);
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
  long long chain, count, ndim, rows, x_width, y_width, size, counted;
  PyObject *kept, *tensor, *array, *empty, *shape, *dtype, *attribute, *exchange, *watched, *homes, *names, *inner;
  if (!PyArg_ParseTuple(arguments, "LLLLLLLLOOOOOOOOO!O!O!O!", &chain, &count, &ndim, &rows, &x_width, &y_width, &size,
                        &counted, &kept, &tensor, &array, &empty, &shape, &dtype, &attribute, &exchange, &PyTuple_Type,
                        &watched, &PyTuple_Type, &homes, &PyTuple_Type, &names, &PyTuple_Type, &inner))
    return nullptr;
  Door* door = PyObject_New(Door, (PyTypeObject*)type);
  if (!door) return nullptr;
  door->call = door_call, door->chain = (Chain*)chain, door->ndim = ndim, door->size = size;
  door->x_shape[0] = ndim == 2 ? rows : x_width, door->x_shape[1] = x_width;
  door->y_shape[0] = ndim == 2 ? rows : y_width, door->y_shape[1] = y_width;
  door->kept = Py_NewRef(arguments), door->tensor = tensor, door->array = array, door->empty = empty;
  door->shape = shape, door->dtype = dtype, door->watched = watched, door->homes = homes, door->names = names;
  door->count = (Count)count, door->counted = (Py_ssize_t)counted, door->attribute = attribute;
  door->exchange = nullptr, door->first = nullptr;
  door->version = (int64_t*)calloc(counted + 1, sizeof(int64_t));
  door->inner = (void**)calloc(counted + 1, sizeof(void*));
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
