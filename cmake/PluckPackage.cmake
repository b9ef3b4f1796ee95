# Packages for Debian and Ubuntu, one for each component of the installation: `make package`, which
# calls scripts/package, which sets the compiler's flags as Debian does and then calls cpack.
# PluckDebian.cmake adds what Debian wants of every package.
set(CPACK_GENERATOR DEB)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_PACKAGE_VENDOR "The Pluck developers")
set(CPACK_PACKAGE_CONTACT "The Pluck developers <pluck@pluck.invalid>")
if(DEFINED ENV{DEBEMAIL})
    set(CPACK_PACKAGE_CONTACT "$ENV{DEBEMAIL}")
    if(DEFINED ENV{DEBFULLNAME})
        set(CPACK_PACKAGE_CONTACT "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>")
    endif()
endif()
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # each package has its own
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
    WORLD_READ WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/cmake/PluckDebian.cmake")

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_COMPONENTS_ALL "")

# pluck_package(component name section summary text): the variables of a component's package are
# CPACK_DEBIAN_<COMPONENT>_*.
macro(pluck_package component name section summary text)
    list(APPEND CPACK_COMPONENTS_ALL ${component})
    string(TOUPPER ${component} upper)
    set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${name})
    set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${section})
    set(CPACK_DEBIAN_${upper}_DESCRIPTION "${summary}\n${text}")
endmacro()

set(about "Pluck draws the next token of a language model from a row of logits, with the
samplers of llama.cpp and of other engines, the same tokens for the same seed,
no allocation while sampling, and SIMD that is chosen at run time.
.
")
set(library libpluck${PLUCK_SOVERSION})
pluck_package(runtime ${library} libs "token sampling for language models" "${about}This package has the library.")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_MULTIARCH same)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA "${PROJECT_SOURCE_DIR}/cmake/debian/triggers")

pluck_package(development libpluck-dev libdevel "token sampling for language models (development files)"
    "${about}This package has what programs in C and C++ are compiled with: headers, the
static library, files for CMake and pkg-config, the manual and examples.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "${library} (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_RECOMMENDS "gcc | c-compiler, libc6-dev | libc-dev")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_MULTIARCH same)

pluck_package(tools pluck science "token sampling for language models (command)"
    "${about}This package has the command pluck, which draws tokens from rows of logits in
NumPy's files and shows which kernels are in use.")

if(TARGET perflab)
    pluck_package(perflab perflab devel "measures improvements of C code"
        "perflab compares the outputs of old and new code before it times anything,
times both interleaved in fresh processes, computes distribution-free
intervals, keeps every sample in a ledger, and compares two commits of a
repository with an exit status that a build can use.")
    set(CPACK_DEBIAN_PERFLAB_PACKAGE_RECOMMENDS "gcc, libc6-dev")
    set(CPACK_DEBIAN_PERFLAB_PACKAGE_SUGGESTS "git")
endif()

if(TARGET pluck_python)
    pluck_package(python python3-pluck python "token sampling for language models (Python 3)"
        "${about}This package has the module pluck, which takes NumPy's arrays, PyTorch's
tensors and whatever has the buffer protocol or DLPack, without a copy.")
    set(CPACK_DEBIAN_PYTHON_PACKAGE_DEPENDS "python3 (>= 3.11)")
    set(CPACK_DEBIAN_PYTHON_PACKAGE_RECOMMENDS "python3-numpy")
    set(CPACK_DEBIAN_PYTHON_PACKAGE_SUGGESTS "python3-torch")
    set(CPACK_DEBIAN_PYTHON_PACKAGE_CONTROL_EXTRA "${PROJECT_SOURCE_DIR}/cmake/debian/postinst"
        "${PROJECT_SOURCE_DIR}/cmake/debian/prerm")
endif()

include(CPack)
