//! The way past the functions of this module: system calls by instruction, and libc's own functions.
#![allow(unsafe_code)] // A system call is an instruction; libc's functions are found by name.

use core::arch::asm;
use std::ffi::{CStr, c_int, c_long, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

/// Makes a system call: what the kernel returns, a negative `errno` where it fails.
///
/// # Safety
/// As the call itself.
#[cfg(target_arch = "x86_64")]
pub unsafe fn call(number: c_long, args: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = args;
    let result;
    // SAFETY: The registers are those of the kernel's convention; the rest is the caller's promise.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack)
        );
    }
    result
}

/// Makes a system call: what the kernel returns, a negative `errno` where it fails.
///
/// # Safety
/// As the call itself.
#[cfg(target_arch = "aarch64")]
pub unsafe fn call(number: c_long, args: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = args;
    let result;
    // SAFETY: The registers are those of the kernel's convention; the rest is the caller's promise.
    unsafe {
        asm!(
            "svc 0",
            in("x8") number as usize,
            inlateout("x0") a as isize => result,
            in("x1") b, in("x2") c, in("x3") d, in("x4") e, in("x5") f,
            options(nostack)
        );
    }
    result
}

/// A system call as libc makes it: -1 and `errno` where it fails.
///
/// # Safety
/// As the call itself.
pub unsafe fn checked<const N: usize>(number: c_long, args: [usize; N]) -> isize {
    let mut all = [0; 6];
    all[..N].copy_from_slice(&args);
    // SAFETY: The caller's promise.
    let result = unsafe { call(number, all) };
    if (-4095..0).contains(&result) {
        set_errno(-result as c_int);
        return -1;
    }
    result
}

/// Sets the calling thread's `errno`.
pub fn set_errno(errno: c_int) {
    // SAFETY: The address is the calling thread's own.
    unsafe { *libc::__errno_location() = errno };
}

/// The address of libc's function of that name, looked up once.
pub fn find(known: &AtomicPtr<c_void>, name: &CStr) -> *mut c_void {
    let mut address = known.load(Ordering::Relaxed);
    if address.is_null() {
        // SAFETY: The name ends with a zero.
        address = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
        assert!(!address.is_null(), "libc has no {name:?}");
        known.store(address, Ordering::Relaxed);
    }
    address
}

/// Passes a system call on to the kernel.
macro_rules! pass {
    ($number:ident $(, $arg:expr)* $(,)?) => {
        // SAFETY: The caller of the interposed function makes this very call.
        unsafe { $crate::interpose::raw::checked(libc::$number, [$($arg as usize),*]) as _ }
    };
}

/// Calls libc's own function.
macro_rules! real {
    ($name:ident($($arg:expr => $type:ty),* $(,)?) -> $result:ty) => {{
        static KNOWN: std::sync::atomic::AtomicPtr<std::ffi::c_void> =
            std::sync::atomic::AtomicPtr::new(std::ptr::null_mut());
        const NAME: &std::ffi::CStr = match std::ffi::CStr::from_bytes_with_nul(
            concat!(stringify!($name), "\0").as_bytes(),
        ) {
            Ok(name) => name,
            Err(_) => panic!("no zero within a name"),
        };
        let address = $crate::interpose::raw::find(&KNOWN, NAME);
        // SAFETY: The function of that name has these types; it is called as the caller asked.
        unsafe {
            std::mem::transmute::<*mut std::ffi::c_void, unsafe extern "C" fn($($type),*) -> $result>(
                address,
            )($($arg),*)
        }
    }};
}

/// Defines functions that differ by name only: `also! { new(arguments) -> result = old; }`.
macro_rules! also {
    ($($name:ident($($arg:ident: $type:ty),* $(,)?) -> $result:ty = $target:ident;)*) => {$(
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($arg: $type),*) -> $result {
            // SAFETY: The caller's promise, as it is the same function.
            unsafe { $target($($arg),*) }
        }
    )*};
}

pub(crate) use {also, pass, real};
