# layers.cmake - reads cmake/layers.txt into KDB_MODULES_IN_ORDER, KDB_LAYER_<name> and KDB_LIBS_<name>.

file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/layers.txt kdb_layer_rows REGEX "^module ")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/layers.txt)
foreach(row IN LISTS kdb_layer_rows)
    string(REGEX MATCHALL "[^ ]+" fields "${row}")
    list(GET fields 1 name)
    list(GET fields 2 layer)
    list(GET fields 3 libs)
    string(REPLACE "," ";" libs "${libs}")
    list(APPEND KDB_MODULES_IN_ORDER ${name})
    set(KDB_LAYER_${name} ${layer})
    set(KDB_LIBS_${name} ${libs})
endforeach()
