// A pretended GPU: tensors say "cuda:0", their memory is the host's, and every kernel is the CPU's.
//
// A CPU build of PyTorch leaves the CUDA dispatch key empty. This file fills it with an allocator, a
// device guard, hooks, a generator, and one boxed fallback that every operator takes: it checks that
// all tensors are on one device, lends each tensor's memory to a CPU tensor, runs the CPU kernel and
// hands the results back. `nbs/testing/40_pretended_gpu.ipynb` builds it, loads it and explains it.

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <array>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <mutex>
#include <string>
#include <map>
#include <unordered_map>
#include <unordered_set>

namespace pretended {

constexpr auto kGpu = c10::DeviceType::CUDA;
constexpr auto kGpuKey = c10::DispatchKey::CUDA;
constexpr int kMostDevices = 8;

using StorageRef = c10::intrusive_ptr<c10::StorageImpl>;
using Names = std::unordered_set<std::string>;

int read_number(const char* variable, int otherwise) {
  const char* text = std::getenv(variable);
  return text ? std::atoi(text) : otherwise;
}

int device_count() {
  static const int count = std::min(kMostDevices, read_number("MEDXFER_GPU_DEVICES", 1));
  return count;
}

// Whether the GPU draws from a generator of its own, as real ones do, or from the host's, so that a
// run can be compared with one on the CPU.
std::atomic<bool> has_own_generator{true};

bool is_on_gpu(const at::Tensor& t) { return t.defined() && t.device().type() == kGpu; }
bool is_on_host(const at::Tensor& t) { return t.defined() && t.device().type() == c10::kCPU; }

// ---------------------------------------------------------------- what is counted

struct Memory {
  std::atomic<int64_t> held{0}, peak{0};
};
std::array<Memory, kMostDevices> memory;
std::atomic<int64_t> limit{INT64_MAX};  // bytes of each device
std::atomic<int64_t> waits{0};          // times the host waits for the device
std::atomic<int64_t> launches{0};       // operators that the device has been given

thread_local c10::DeviceIndex current = 0;

// ---------------------------------------------------------------- copies that have not arrived

// A copy to the host that does not block: what is read of it before the host waits is nonsense.
struct Underway {
  at::Tensor source, target;  // both on the host
};
std::vector<Underway> underway;
std::mutex of_underway;

void begin_copy_to_host(const at::Tensor& source, at::Tensor& target) {
  std::lock_guard<std::mutex> lock(of_underway);
  underway.push_back({source.clone(), target});
  if (c10::isFloatingType(target.scalar_type())) target.fill_(NAN);
  else target.zero_();
}

// The host waits for the device.
void wait() {
  waits++;
  std::lock_guard<std::mutex> lock(of_underway);
  at::AutoDispatchBelowADInplaceOrView below;
  for (auto& copy : underway) copy.target.copy_(copy.source);
  underway.clear();
}

// ---------------------------------------------------------------- allocator

// What a device pointer keeps: the host storage that it is, and whose memory it counts as.
struct Loan {
  StorageRef host;
  int64_t bytes;
  c10::DeviceIndex device;
};

void end_loan(void* context) {
  auto* loan = static_cast<Loan*>(context);
  memory[loan->device].held -= loan->bytes;
  delete loan;
}

c10::DataPtr make_device_pointer(StorageRef host, c10::Device device) {
  const auto bytes = static_cast<int64_t>(host->nbytes());
  Memory& mine = memory[device.index()];
  const int64_t now = mine.held += bytes;
  if (now > limit) {
    mine.held -= bytes;
    TORCH_CHECK_WITH(
        OutOfMemoryError, false, "CUDA out of memory. Tried to allocate ", bytes, " bytes on ", device,
        ", a pretended GPU of ", limit.load(), " bytes of which ", now - bytes, " are in use");
  }
  for (int64_t peak = mine.peak; now > peak && !mine.peak.compare_exchange_weak(peak, now);) {
  }
  void* data = host->mutable_data();
  return {data, new Loan{std::move(host), bytes, device.index()}, &end_loan, device};
}

struct Allocator final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    auto host = c10::make_intrusive<c10::StorageImpl>(
        c10::StorageImpl::use_byte_size_t(), static_cast<int64_t>(bytes), c10::GetAllocator(c10::kCPU), false);
    return make_device_pointer(std::move(host), c10::Device(kGpu, current));
  }
  c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
  void copy_data(void* to, const void* from, size_t bytes) const override { std::memcpy(to, from, bytes); }
};
Allocator allocator;

// ---------------------------------------------------------------- memory that the device reads by itself

// From other memory of the host a copy that does not block does so all the same once it is large: the
// driver first brings it elsewhere. Real drivers take 64 KiB for large; models are small here.
constexpr size_t kLargeCopy = 2048;
std::map<const void*, size_t> pinned;  // first byte: length
std::mutex of_pinned;

bool is_pinned(const void* data) {
  std::lock_guard<std::mutex> lock(of_pinned);
  auto next = pinned.upper_bound(data);
  if (next == pinned.begin()) return false;
  auto [start, bytes] = *std::prev(next);
  return static_cast<const char*>(data) < static_cast<const char*>(start) + bytes;
}

void end_pinned(void* context) {
  auto* inner = static_cast<c10::DataPtr*>(context);
  {
    std::lock_guard<std::mutex> lock(of_pinned);
    pinned.erase(inner->get());
  }
  delete inner;
}

struct PinnedAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    auto* inner = new c10::DataPtr(c10::GetAllocator(c10::kCPU)->allocate(bytes));
    std::lock_guard<std::mutex> lock(of_pinned);
    if (inner->get()) pinned[inner->get()] = bytes;
    return {inner->get(), inner, &end_pinned, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
  void copy_data(void* to, const void* from, size_t bytes) const override { std::memcpy(to, from, bytes); }
};
PinnedAllocator pinned_allocator;

// ---------------------------------------------------------------- guard: a device is a number

struct Guard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return kGpu; }
  c10::Device getDevice() const override { return {kGpu, current}; }
  void setDevice(c10::Device d) const override { current = d.index(); }
  void uncheckedSetDevice(c10::Device d) const noexcept override { current = d.index(); }
  c10::Device exchangeDevice(c10::Device d) const override {
    auto old = getDevice();
    current = d.index();
    return old;
  }
  c10::DeviceIndex deviceCount() const noexcept override { return device_count(); }
  // One stream, on which everything has already happened.
  c10::Stream getStream(c10::Device d) const override { return c10::Stream(c10::Stream::DEFAULT, d); }
  c10::Stream getDefaultStream(c10::Device d) const override { return getStream(d); }
  c10::Stream getStreamFromGlobalPool(c10::Device d, bool) const override { return getStream(d); }
  c10::Stream getNewStream(c10::Device d, int) const override { return getStream(d); }
  c10::Stream exchangeStream(c10::Stream s) const override { return getStream(s.device()); }
  bool queryStream(const c10::Stream&) const override { return true; }
  void synchronizeStream(const c10::Stream&) const override { wait(); }
  void synchronizeDevice(const c10::DeviceIndex) const override { wait(); }
  void recordDataPtrOnStream(const c10::DataPtr&, const c10::Stream&) const override {}
  void record(void** event, const c10::Stream&, const c10::DeviceIndex, const c10::EventFlag) const override {
    *event = reinterpret_cast<void*>(1);
  }
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  void synchronizeEvent(void*) const override { wait(); }
  void destroyEvent(void*, const c10::DeviceIndex) const noexcept override {}
};

// ---------------------------------------------------------------- random numbers

// A CPU generator that says it is the device's.
struct Generator final : at::CPUGeneratorImpl {
  explicit Generator(c10::DeviceIndex index) : at::CPUGeneratorImpl(c10::default_rng_seed_val) {
    device_ = c10::Device(kGpu, index);
    key_set_ = c10::DispatchKeySet(kGpuKey);
  }
  Generator* clone_impl() const override {
    auto* me = const_cast<Generator*>(this);
    auto* copy = new Generator(device_.index());
    copy->set_engine(me->engine());
    copy->set_next_float_normal_sample(me->next_float_normal_sample());
    copy->set_next_double_normal_sample(me->next_double_normal_sample());
    return copy;
  }
};

const at::Generator& default_generator(c10::DeviceIndex index) {
  static const auto all = [] {
    std::vector<at::Generator> made;
    for (int k = 0; k < device_count(); k++) made.push_back(at::make_generator<Generator>(k));
    return made;
  }();
  return all[index < 0 ? current : index];
}

// The first generator that Python makes for a device is its default one: Python has no other way to it.
at::Generator new_generator(c10::DeviceIndex index) {
  static std::vector<bool> given(device_count(), false);
  if (index < 0) index = current;
  if (given[index]) return at::make_generator<Generator>(index);
  given[index] = true;
  return default_generator(index);
}

void swap_states(at::CPUGeneratorImpl* a, at::CPUGeneratorImpl* b) {
  auto engine = a->engine();
  auto f = a->next_float_normal_sample();
  auto d = a->next_double_normal_sample();
  a->set_engine(b->engine());
  a->set_next_float_normal_sample(b->next_float_normal_sample());
  a->set_next_double_normal_sample(b->next_double_normal_sample());
  b->set_engine(engine);
  b->set_next_float_normal_sample(f);
  b->set_next_double_normal_sample(d);
}

// While it lives, the host's default generator is in the state of the device's.
struct DrawFrom {
  explicit DrawFrom(at::CPUGeneratorImpl* device) : device_(device) {
    if (!device_) return;
    host_ = at::check_generator<at::CPUGeneratorImpl>(at::detail::getDefaultCPUGenerator());
    swap_states(host_, device_);
  }
  ~DrawFrom() {
    if (device_) swap_states(host_, device_);
  }
  at::CPUGeneratorImpl *host_ = nullptr, *device_ = nullptr;
};

// ---------------------------------------------------------------- hooks

struct Hooks final : at::CUDAHooksInterface {
  explicit Hooks(at::CUDAHooksArgs) {}
  void init() const override {}
  bool hasCUDA() const override { return true; }  // what backward passes ask
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  int getNumGPUs() const override { return device_count(); }
  c10::DeviceIndex deviceCount() const override { return device_count(); }
  c10::DeviceIndex current_device() const override { return current; }
  c10::DeviceIndex getCurrentDevice() const override { return current; }
  void setCurrentDevice(c10::DeviceIndex d) const override { current = d; }
  c10::DeviceIndex exchangeDevice(c10::DeviceIndex d) const override {
    std::swap(current, d);
    return d;
  }
  c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex d) const override {
    if (d >= 0) std::swap(current, d);
    return d;
  }
  void deviceSynchronize(c10::DeviceIndex) const override { wait(); }
  at::Device getDeviceFromPtr(void*) const override { return {kGpu, current}; }
  at::Allocator* getCUDADeviceAllocator() const override { return &allocator; }
  at::Allocator* getPinnedMemoryAllocator() const override { return &pinned_allocator; }
  bool isPinnedPtr(const void* data) const override { return is_pinned(data); }
  const at::Generator& getDefaultGenerator(c10::DeviceIndex i) const override { return default_generator(i); }
  at::Generator getNewGenerator(c10::DeviceIndex i) const override { return new_generator(i); }
};

// ---------------------------------------------------------------- one call: lend, run, hand back

// The device's tensors of a call as host tensors on the same memory. Storages that were one stay one.
class Call {
 public:
  c10::Device device{kGpu, current};

  at::Tensor lend(const at::Tensor& t) {
    if (!is_on_gpu(t)) return t;
    if (auto it = lent_.find(t.unsafeGetTensorImpl()); it != lent_.end()) return it->second;
    device = t.device();
    auto host = at::detail::make_tensor<c10::TensorImpl>(
        lend(t.storage()), c10::DispatchKeySet(c10::DispatchKey::CPU), t.dtype());
    auto* impl = host.unsafeGetTensorImpl();
    impl->set_sizes_and_strides(t.sizes(), t.strides(), t.storage_offset());
    if (t.unsafeGetTensorImpl()->is_wrapped_number()) impl->set_wrapped_number(true);
    if (t.is_conj()) host._set_conj(true);
    if (t.is_neg()) host._set_neg(true);
    pairs_.emplace(impl, std::make_pair(host, t));
    lent_.emplace(t.unsafeGetTensorImpl(), host);
    return host;
  }

  c10::Storage lend(const c10::Storage& s) {
    auto* impl = s.unsafeGetStorageImpl();
    auto it = host_of_.find(impl);
    if (it == host_of_.end()) {
      auto host = c10::make_intrusive<c10::StorageImpl>(
          c10::StorageImpl::use_byte_size_t(), static_cast<int64_t>(s.nbytes()),
          c10::DataPtr(const_cast<void*>(s.data()), c10::Device(c10::kCPU)), c10::GetAllocator(c10::kCPU), true);
      device_of_.emplace(host.get(), s);
      it = host_of_.emplace(impl, host).first;
    }
    return c10::Storage(it->second);
  }

  at::Tensor hand_back(const at::Tensor& t) {
    if (!is_on_host(t)) return t;
    if (auto it = pairs_.find(t.unsafeGetTensorImpl()); it != pairs_.end()) return it->second.second;
    auto mine = at::detail::make_tensor<c10::TensorImpl>(
        hand_back(t.storage()), c10::DispatchKeySet(kGpuKey), t.dtype());
    mine.unsafeGetTensorImpl()->set_sizes_and_strides(t.sizes(), t.strides(), t.storage_offset());
    return mine;
  }

  c10::Storage hand_back(const c10::Storage& s) {
    auto* impl = s.unsafeGetStorageImpl();
    if (auto it = device_of_.find(impl); it != device_of_.end()) return it->second;
    auto mine = c10::make_intrusive<c10::StorageImpl>(
        c10::StorageImpl::use_byte_size_t(), static_cast<int64_t>(s.nbytes()),
        make_device_pointer(StorageRef::reclaim_copy(impl), device), &allocator, true);
    device_of_.emplace(impl, c10::Storage(mine));
    return c10::Storage(mine);
  }

  // Give the device's tensors what the kernel did to shapes and storages (out=, resize_, set_).
  void settle() {
    for (auto& [impl, pair] : pairs_) {
      auto& [host, mine] = pair;
      auto lent = host_of_.at(mine.storage().unsafeGetStorageImpl());
      if (host.storage().unsafeGetStorageImpl() != lent.get()) {
        mine.unsafeGetTensorImpl()->set_storage_keep_dtype(hand_back(host.storage()));
      } else if (lent->data() != mine.storage().data() || lent->nbytes() != mine.storage().nbytes()) {
        auto storage = mine.storage();
        if (lent->data() != storage.data()) storage.set_data_ptr_noswap(make_device_pointer(lent, device));
        storage.set_nbytes(lent->nbytes());
      }
      bool same = host.sizes() == mine.sizes() && host.strides() == mine.strides() &&
                  host.storage_offset() == mine.storage_offset();
      if (!same)
        mine.unsafeGetTensorImpl()->set_sizes_and_strides(host.sizes(), host.strides(), host.storage_offset());
    }
  }

 private:
  std::unordered_map<c10::StorageImpl*, StorageRef> host_of_;      // device storage: its alias
  std::unordered_map<c10::StorageImpl*, c10::Storage> device_of_;  // alias: device storage
  std::unordered_map<c10::TensorImpl*, at::Tensor> lent_;          // device tensor: its alias
  std::unordered_map<c10::TensorImpl*, std::pair<at::Tensor, at::Tensor>> pairs_;  // alias: (itself, device tensor)
};

template <class F>
void for_each_tensor(const c10::IValue& v, F&& f) {
  if (v.isTensor()) {
    if (v.toTensor().defined()) f(v.toTensor());
  } else if (v.isTensorList()) {
    for (const at::Tensor& t : v.toTensorVector())
      if (t.defined()) f(t);
  } else if (v.isList()) {
    for (const c10::IValue& e : v.toListRef()) for_each_tensor(e, f);
  }
}

// An argument for the host's kernel; `wants_host` becomes true where the result is asked for on the CPU.
c10::IValue lend_argument(Call& call, const c10::IValue& v, bool& wants_host) {
  if (v.isTensor()) return call.lend(v.toTensor());
  if (v.isTensorList()) {
    c10::List<at::Tensor> lent;
    for (const at::Tensor& t : v.toTensorVector()) lent.push_back(call.lend(t));
    return lent;
  }
  if (v.isOptionalTensorList()) {
    c10::List<std::optional<at::Tensor>> lent;
    for (const c10::IValue& e : v.toListRef())
      lent.push_back(e.isNone() ? std::optional<at::Tensor>() : std::optional<at::Tensor>(call.lend(e.toTensor())));
    return lent;
  }
  if (v.isStorage() && v.toStorage().device_type() == kGpu) return call.lend(v.toStorage());
  if (v.isDevice()) {
    auto asked = v.toDevice();
    if (asked.type() == c10::kCPU) wants_host = true;
    if (asked.type() == kGpu) {
      call.device = {kGpu, asked.has_index() ? asked.index() : current};
      return c10::Device(c10::kCPU);
    }
  }
  return v;
}

c10::IValue hand_back_result(Call& call, const c10::IValue& v) {
  if (v.isTensor()) return call.hand_back(v.toTensor());
  if (v.isTensorList()) {
    c10::List<at::Tensor> mine;
    for (const at::Tensor& t : v.toTensorVector()) mine.push_back(call.hand_back(t));
    return mine;
  }
  return v;
}

// ---------------------------------------------------------------- what a GPU would refuse

bool starts_with(const std::string& text, const char* prefix) { return text.rfind(prefix, 0) == 0; }

bool is_indexing(const std::string& name) {
  return starts_with(name, "aten::index.") || starts_with(name, "aten::index_put") ||
         starts_with(name, "aten::_index_put_impl") || starts_with(name, "aten::_unsafe_index");
}

// Operators without a device check: they take a host tensor of no dimension beside the device's.
// The list is read from PyTorch's own native_functions.yaml when this file is built.
const Names& operators_without_check() {
  static const Names names = {
#include "operators_without_check.inc"
  };
  return names;
}

void check_devices(const c10::FunctionSchema& schema, const std::string& name, c10::ArrayRef<c10::IValue> args) {
  std::optional<c10::Device> device;
  for (auto& v : args)
    for_each_tensor(v, [&](const at::Tensor& t) {
      if (!is_on_gpu(t)) return;
      bool other = device && *device != t.device() && !starts_with(name, "aten::_foreach_");
      TORCH_CHECK(!other, "Expected all tensors to be on the same device, but found at least two devices, ",
                  *device, " and ", t.device(), "! (", name, " on the pretended GPU)");
      device = t.device();
    });
  if (!device) return;
  const bool takes_scalars = operators_without_check().count(name);
  for (size_t i = 0; i < args.size(); i++) {
    auto& argument = schema.arguments()[i];
    if (is_indexing(name) && argument.name() == "indices") continue;
    if (argument.name() == "input_lengths" || argument.name() == "target_lengths") continue;
    if (argument.name() == "lengths" && starts_with(name, "aten::_pack")) continue;
    bool written = argument.alias_info() && argument.alias_info()->isWrite();
    for_each_tensor(args[i], [&](const at::Tensor& t) {
      if (!is_on_host(t)) return;
      bool scalar = takes_scalars || t.unsafeGetTensorImpl()->is_wrapped_number();
      TORCH_CHECK(t.dim() == 0 && !written && scalar,
                  "Expected all tensors to be on the same device, but found at least two devices, ", *device,
                  " and cpu! (argument ", argument.name(), " of ", name, " on the pretended GPU)");
    });
  }
}

void check_dtypes(const std::string& name, c10::ArrayRef<c10::IValue> args) {
  static const Names products = {"aten::addmm.out", "aten::mm.out",  "aten::bmm.out",   "aten::baddbmm.out",
                                 "aten::addmv.out", "aten::dot",     "aten::addbmm.out"};
  if (!products.count(name)) return;
  for_each_tensor(args[0], [&](const at::Tensor& t) {
    TORCH_CHECK(!c10::isIntegralType(t.scalar_type(), true), '"', name, "\" not implemented for '",
                t.scalar_type(), "' on CUDA (the pretended GPU)");
  });
}

// ---------------------------------------------------------------- when the host would wait

void count_waits(const std::string& name, c10::ArrayRef<c10::IValue> args) {
  // The result's size or value must be known on the host.
  static const Names waiting = {"aten::_local_scalar_dense", "aten::nonzero",  "aten::masked_select",
                                "aten::unique_dim",          "aten::_unique2", "aten::unique_consecutive",
                                "aten::equal",               "aten::repeat_interleave.Tensor"};
  if (waiting.count(name)) wait();
  // Reading by a mask or a host index shows as a nonzero or a copy; writing hides it in the kernel.
  if (!starts_with(name, "aten::index_put") && !starts_with(name, "aten::_index_put_impl")) return;
  const at::Tensor& values = args[2].toTensor();
  const bool fills = values.numel() == 1 && is_on_host(values);  // becomes a masked_fill
  for_each_tensor(args[1], [&](const at::Tensor& index) {
    bool mask = index.scalar_type() == at::kBool || index.scalar_type() == at::kByte;
    if ((mask && !fills) || is_on_host(index)) wait();
  });
}

// ---------------------------------------------------------------- the fallback

// Softmax of half precision with results in fp32 has a kernel on GPUs only: inputs are converted.
struct SoftmaxDetour {
  at::Tensor result, target;  // a result in fp32 that belongs into a half tensor

  void enter(const std::string& name, std::vector<c10::IValue>& args) {
    static const Names forward = {"aten::_softmax", "aten::_softmax.out", "aten::_log_softmax",
                                  "aten::_log_softmax.out"};
    static const Names backward = {"aten::_softmax_backward_data", "aten::_softmax_backward_data.out",
                                   "aten::_log_softmax_backward_data", "aten::_log_softmax_backward_data.out"};
    if (forward.count(name) && args[2].toBool()) {
      args[0] = args[0].toTensor().to(at::kFloat);
      args[2] = false;
    }
    if (!backward.count(name)) return;
    auto given = args[0].toTensor().scalar_type();
    if (given == args[3].toScalarType()) return;
    args[3] = given;
    if (args.size() < 5) return;
    target = args[4].toTensor();
    result = at::empty_like(args[0].toTensor());
    args[4] = result;
  }

  void leave(torch::jit::Stack* stack) {
    if (!result.defined()) return;
    target.copy_(result);
    torch::jit::pop(*stack);
    stack->emplace_back(target);
  }
};

bool concerns_gpu(c10::ArrayRef<c10::IValue> args) {
  bool found = false;
  for (auto& v : args) {
    for_each_tensor(v, [&](const at::Tensor& t) { found |= is_on_gpu(t); });
    found |= v.isDevice() && v.toDevice().type() == kGpu;
  }
  return found;
}

void run(const c10::OperatorHandle& op, c10::DispatchKeySet, torch::jit::Stack* stack) {
  auto& schema = op.schema();
  auto count = schema.arguments().size();
  auto& full = schema.operator_name();
  auto name = full.name + (full.overload_name.empty() ? "" : "." + full.overload_name);
  auto given = torch::jit::last(stack, count);
  check_devices(schema, name, given);
  check_dtypes(name, given);
  count_waits(name, given);
  launches++;

  Call call;
  bool wants_host = false;
  const bool ours = concerns_gpu(given);
  at::CPUGeneratorImpl* dice = nullptr;
  std::vector<c10::IValue> args;
  for (const c10::IValue& v : given) {
    bool draws = v.isGenerator() && v.toGenerator().defined();
    if (draws && v.toGenerator().device().type() == kGpu) {
      dice = static_cast<at::CPUGeneratorImpl*>(v.toGenerator().unsafeGetGeneratorImpl());
      args.emplace_back();
      continue;
    }
    TORCH_CHECK(!(ours && draws), "Expected a 'cuda' device type for generator but found 'cpu' (", name, ")");
    args.push_back(lend_argument(call, v, wants_host));
  }
  SoftmaxDetour softmax;
  softmax.enter(name, args);
  torch::jit::drop(*stack, count);
  for (auto& v : args) stack->push_back(std::move(v));
  args.clear();
  if (!dice && has_own_generator && op.hasTag(at::Tag::nondeterministic_seeded))
    dice = static_cast<at::CPUGeneratorImpl*>(default_generator(call.device.index()).unsafeGetGeneratorImpl());
  {
    DrawFrom drawing(dice);
    op.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), stack);
  }
  softmax.leave(stack);
  call.settle();
  if (wants_host) return;
  auto results = schema.returns().size();
  for (size_t i = stack->size() - results; i < stack->size(); i++)
    (*stack)[i] = hand_back_result(call, (*stack)[i]);
}

// A copy that blocks waits for all kernels before it, in both directions.
at::Tensor& copy_(at::Tensor& self, const at::Tensor& source, bool non_blocking) {
  const bool from_host = is_on_host(source) && source.numel();
  const bool is_staged = from_host && source.nbytes() > kLargeCopy && !is_pinned(source.const_data_ptr());
  if (is_staged || (!non_blocking && (is_on_host(self) || from_host))) wait();
  launches++;
  at::AutoDispatchBelowADInplaceOrView below;
  Call call;
  if (is_on_host(self) && non_blocking) begin_copy_to_host(call.lend(source), self);
  else call.lend(self).copy_(call.lend(source));
  return self;
}

at::Tensor copy_from(const at::Tensor& source, const at::Tensor& to, bool non_blocking) {
  auto target = to;
  return copy_(target, source, non_blocking);
}

void record_stream(at::Tensor&, c10::Stream) {}

}  // namespace pretended

// ---------------------------------------------------------------- what Python calls, by ctypes

extern "C" {
int64_t pretended_held(int device) { return pretended::memory[device].held; }
int64_t pretended_peak(int device) { return pretended::memory[device].peak; }
void pretended_reset_peak(int device) { pretended::memory[device].peak = pretended::memory[device].held.load(); }
void pretended_limit(int64_t bytes) { pretended::limit = bytes; }
void pretended_own_generator(int own) { pretended::has_own_generator = own; }
int64_t pretended_waits() { return pretended::waits; }
void pretended_wait() { pretended::wait(); }
int64_t pretended_launches() { return pretended::launches; }
}

// ---------------------------------------------------------------- registration

TORCH_LIBRARY_IMPL(_, CUDA, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&pretended::run>()); }
TORCH_LIBRARY_IMPL(aten, CUDA, m) {
  m.impl("copy_", &pretended::copy_);
  m.impl("_copy_from", &pretended::copy_from);
  m.impl("record_stream", &pretended::record_stream);
}
namespace {
REGISTER_ALLOCATOR(pretended::kGpu, &pretended::allocator)
static c10::impl::DeviceGuardImplRegistrar guard(pretended::kGpu, new pretended::Guard());
}  // namespace
namespace at {
using CUDAHooks = pretended::Hooks;
REGISTER_CUDA_HOOKS(CUDAHooks);
}  // namespace at
